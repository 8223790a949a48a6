"""Twelve ways to write an endpoint that is none, or that is one after all; nothing is sent anywhere else.

Each is tried in the four places in which an endpoint can be written, by the commands that read it.
"""

from collections.abc import Callable

import pytest

from projects import Project, Ran
from tally import Table

SECRET = "s3cr3tWORD"

REFUSED = {
    "http beyond loopback": ("http://wedata.example", "plain HTTP is allowed for a loopback address only"),
    "http to what looks like loopback": ("http://127.0.0.1.example", "plain HTTP is allowed"),
    "a user and a password": (f"https://user:{SECRET}@wedata.example", "It holds a user name."),
    "a host behind a password": (f"http://127.0.0.1:{SECRET}@wedata.example", "It holds a user name."),
    "odd ports": ("https://wedata.example:65536", "the port is not a number from 1 to 65535"),
    "http to IPv6 beyond loopback": ("http://[2001:db8::1]", "plain HTTP is allowed for a loopback"),
    "IPv6 with a zone": ("https://[fe80::1%25eth0]", "is not an IPv6 address"),
    "a trailing dot": ("https://wedata.example.", "that is not a host name"),
    "letters beyond ASCII": ("https://wed\u0430ta.example", "a letter outside ASCII"),
    "a path and a query": ("https://wedata.example/api?x=1", "it holds a path"),
    "another scheme": ("ftp://wedata.example", "the scheme is ftp"),
}
TAKEN = {
    "HTTPS://WeData.Example:443": "https://wedata.example",
    "http://[::1]:8080": "http://[::1]:8080",
    "http://127.255.255.254:1": "http://127.255.255.254:1",
    "wedata.example:8443": "https://wedata.example:8443",
    "https://[2001:db8::1]": "https://[2001:db8::1]",
}
MORE_OF_THE_SAME = {
    "odd ports": ["https://wedata.example:0", "https://wedata.example:-1", "https://wedata.example:", "https://h:x"],
    "http beyond loopback": ["http://10.0.0.1", "http://0.0.0.0", "http://2130706433", "http://0x7f.1", "http://127.1"],
    "a path and a query": ["https://wedata.example/#x", "wedata.example?x", "https://wedata.example//"],
    "another scheme": ["file:///etc/passwd", "unix:///x", "javascript://x", "//wedata.example", "https:/x"],
    "letters beyond ASCII": ["https://wedata\u3002example", "https://\uff4caocalhost", "https://a b", "https://a\tb"],
}  # fmt: skip


def _by_flag(project: Project, monkeypatch: pytest.MonkeyPatch, text: str, command: str) -> Ran:
    return project.run(*command.split(), "--endpoint", text)


def _by_variable(project: Project, monkeypatch: pytest.MonkeyPatch, text: str, command: str) -> Ran:
    monkeypatch.setenv("PROVISIONER_ENDPOINT", text)
    ran = project.run(*command.split())
    monkeypatch.delenv("PROVISIONER_ENDPOINT")
    return ran


def _in_the_file(project: Project, monkeypatch: pytest.MonkeyPatch, text: str, command: str) -> Ran:
    return _with_settings(
        project, command, lambda settings: settings.replace(": embedded", f": {_quoted(text)}")
    )


def _in_an_environment(project: Project, monkeypatch: pytest.MonkeyPatch, text: str, command: str) -> Ran:
    added = f"environments: {{prod: {{endpoint: {_quoted(text)}}}}}\n"
    return _with_settings(project, f"{command} --env prod", lambda settings: settings + added)


def _quoted(text: str) -> str:
    return '"' + text.replace("\t", "\\t") + '"'


def _with_settings(project: Project, command: str, change: Callable[[str], str]) -> Ran:
    path = project.root / "provisioner.yaml"
    before = path.read_text()
    path.write_text(change(before))
    ran = project.run(*command.split())
    path.write_text(before)
    return ran


PLACES = (_by_flag, _by_variable, _in_the_file, _in_an_environment)


@pytest.fixture
def nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection is opened and no name is looked up, or the test fails."""

    def refuse(*arguments: object, **_: object) -> None:
        raise AssertionError(f"something was sent to {arguments}")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "example")


@pytest.mark.usefixtures("nothing_is_sent")
@pytest.mark.parametrize("name", REFUSED)
def test_an_endpoint_that_is_none(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str, tried: Table
) -> None:
    """Refused wherever it is written, before anything is sent; what may be a password is not repeated."""
    text, why = REFUSED[name]
    before = project.files()
    for place in PLACES:
        for command in ("plan", "validate", "apply -auto-approve", "apply -auto-approve --json"):
            ran = place(project, monkeypatch, text, command)
            assert ran.code in (1, 3), (place, command)
            assert why in ran.err, (place, command, ran.err)
            assert SECRET not in ran.err + ran.out
        for other in MORE_OF_THE_SAME.get(name, []):
            ran = place(project, monkeypatch, other, "plan")
            assert (ran.code in (1, 3), "cannot be used" in ran.err) == (True, True), (other, ran.err)
    assert project.files() == before
    tried("endpoint cases")


def test_an_endpoint_that_is_one(project: Project, monkeypatch: pytest.MonkeyPatch, tried: Table) -> None:
    """In whatever case it is written; an empty one is none, so that the next place counts."""
    for place in PLACES[:3]:
        for text, meant in TAKEN.items():
            ran = place(project, monkeypatch, text, "plan --json --region r")
            assert ran.code == 0, ran.err
            said = meant if "127." not in meant and "[::1]" not in meant else meant.rpartition(":")[0]
            assert f'"endpoint": "{said.replace("[::1]", "::1")}"' in ran.out
    for place in PLACES[:2]:
        assert '"endpoint": "embedded"' in place(project, monkeypatch, "", "plan --json").out
    assert _in_the_file(project, monkeypatch, "", "plan").code == 3
    tried("endpoint cases")
