"""Secrets that would be recognised anywhere, and 30 paths on which they could get out: none of them does.

Two kinds are told apart. **Credentials** (the secret key, the session token, a password in the URL of a
proxy or an endpoint) are written nowhere at all. **A setting whose name says that it is a secret** is a
part of the task that the author asked for: it is sent to the service, and the state file and its journal
keep it, because a change of it could not be noticed otherwise; both are readable for their owner only.
Wherever it is printed, and in plans, which are passed around, it is replaced.
"""

import dataclasses
import importlib
import json
import pkgutil
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import provisioner
from projects import Project, Ran, unmeasured
from provisioner.cloud.credentials import Found, find_credential
from provisioner.cloud.endpoint import parse_endpoint
from provisioner.cloud.signer import Signer
from provisioner.core.api.calls import CreateTask, SignedWrite
from provisioner.core.api.signing import Credential
from provisioner.emulator.gateway import Request
from provisioner.emulator.server import EmulatorServer
from tally import Table

ID = "AKIDc4n4ryIdentity"
KEY, TOKEN = "c4n4ryKEYc4n4ry", "c4n4ryTOKENc4n4ry"
PROXY, USER = "c4n4ryPROXYc4n4ry", "c4n4ryUSERc4n4ry"
SETTING, OTHER = "c4n4rySETTINGc4n4ry", "c4n4ryOTHERc4n4ry"
CREDENTIALS = (KEY, TOKEN, PROXY, USER)
SECRETS = (*CREDENTIALS, SETTING, OTHER)


def leaks(text: str | bytes, secrets: tuple[str, ...] = SECRETS) -> list[str]:
    """The secrets in a text, also where they are escaped, reversed or encoded."""
    data = text.encode() if isinstance(text, str) else text
    return [
        secret
        for secret in secrets
        for form in (secret, secret[::-1], secret.encode().hex(), _base64(secret))
        if form.encode() in data
    ]


def _base64(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode().rstrip("=")


def everything(ran: Ran) -> str:
    """What a person may have seen."""
    return ran.out + ran.err


def manifest(project: Project, password: str = SETTING, **more: Any) -> None:
    """A task with secrets in settings: by name, in a list of names and values, within a node."""
    config = {"password": password, "url": "jdbc:mysql://db", "AccessKeySecret": password}
    node = {"Name": "n", "NodeType": "INPUT", "Config": [{"Name": "db_passwd", "Value": password}]}
    info = {"SyncType": 2, "TaskType": 201, "Config": config, "Nodes": [node], **more}
    document = {"kind": "IntegrationTask", "name": "secretive", "TaskInfo": info}
    project.write("manifests/secretive.json", json.dumps(document))


@pytest.fixture
def emulator(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[EmulatorServer]:
    """One that knows our credentials and keeps its tasks on disk; and a task with secrets."""
    (project.root / "manifests" / "orders-to-lake.yaml").unlink()
    manifest(project)
    folder = str(tmp_path / "data")
    with EmulatorServer(folder, credentials={ID: KEY}, switches={"calls_per_second": 0}) as served:
        monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", ID)
        monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", KEY)
        monkeypatch.setenv("TENCENTCLOUD_TOKEN", TOKEN)
        monkeypatch.setenv("PROVISIONER_ENDPOINT", served.url)
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PROXY}@127.0.0.1:1")
        yield served


@pytest.fixture
def path(tried: Table, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Judge what came out on one path."""

    def judged(name: str, text: str | bytes, secrets: tuple[str, ...] = SECRETS) -> None:
        assert len(text) > 0, f"{name}: nothing came out"
        assert leaks(text, secrets) == [], name
        tried("canary paths")

    return judged


def test_a_leak_would_be_seen() -> None:
    """As it is and in the usual disguises."""
    for text in (f"a {KEY} b", KEY[::-1], KEY.encode().hex(), _base64(KEY)):
        assert leaks(text) == [KEY]
    assert leaks("c4n4ry") == []


# ── files ───────────────────────────────────────────────────────────────────


def test_files(project: Project, emulator: EmulatorServer, path: Callable[..., None], tmp_path: Path) -> None:
    """State, journal, lock, cache, saved plan, and what the emulator keeps: which may know the settings."""
    assert project.run("plan", "--out", "saved").code == 0
    emulator.faults.add("drop_answer", "CreateIntegrationTask", count=5)
    assert project.run("apply", "-auto-approve").code in (0, 6)
    lock = (project.root / "provisioner.state.lock").read_bytes()
    journal = project.root / "provisioner.state.journal"
    path("journal", journal.read_bytes(), CREDENTIALS)
    assert SETTING.encode() in (project.root / "provisioner.state.json").read_bytes() + journal.read_bytes()
    emulator.faults.clear()
    emulator.switches.set({"clock_offset_seconds": 400})
    assert project.run("apply", "-auto-approve").code == 0
    assert project.run("plan").code == 0
    state = project.root / "provisioner.state.json"
    path("state", state.read_bytes(), CREDENTIALS)
    assert SETTING.encode() in state.read_bytes(), "a change of it could not be noticed"
    assert {stat.S_IMODE(file.stat().st_mode) for file in (state, journal)} == {0o600}
    path("lock", lock + (project.root / "provisioner.state.lock").read_bytes())
    path("cache", (project.root / ".provisioner" / "manifests.cache").read_bytes())
    path("saved plan", (project.root / "saved").read_bytes())
    kept = b"".join(file.read_bytes() for file in (tmp_path / "data").iterdir())
    assert SETTING.encode() in kept
    path("what the emulator keeps", kept, CREDENTIALS)
    every = b"".join(data for name, data in project.files().items() if not name.startswith("manifests"))
    path("every file of the project", every, CREDENTIALS)


# ── what is printed where all goes well ─────────────────────────────────────


def test_words(project: Project, emulator: EmulatorServer, path: Callable[..., None]) -> None:
    """Plans and results, of a new task, a changed one and one that is to go; in words and as JSON."""
    for password, again in ((SETTING, ""), (OTHER, " again"), (f"{SETTING}\n{OTHER}\n" * 50, " at length")):
        manifest(project, password)
        path(f"plan{again}", everything(project.run("plan", "--verbose")) + everything(project.run("plan")))
        ran = project.run("plan", "--json", "--out", "saved")
        assert '"(sensitive value)"' in ran.out
        path(f"plan --json{again}", everything(ran))
        path(f"show PLANFILE{again}", everything(project.run("show", "saved")))
        path(f"apply{again}", everything(project.run("apply", "-auto-approve", "--verbose")))
    path("apply --json", everything(project.run("apply", "-auto-approve", "--json")))
    path("show", everything(project.run("show")))
    path("show --json", everything(project.run("show", "--json")))
    path("state show", everything(project.run("state", "show", "secretive")))
    path("state show --json", everything(project.run("state", "show", "secretive", "--json")))
    path("state list", everything(project.run("state", "list", "--json")))
    path("destroy", everything(project.run("plan", "--destroy", "--verbose")))
    path("validate", everything(project.run("validate")) + everything(project.run("validate", "--json")))
    said = "".join(
        everything(project.run("__complete", *words)) for words in (["plan", "--target", ""], ["pl"])
    )
    path("completion", said)
    more = (["version", "--json"], ["help"], ["plan", "--help"], ["schema"], ["emulator", "--list-switches"])
    path("what the program says about itself", "".join(everything(project.run(*words)) for words in more))


# ── what is printed where something is wrong ────────────────────────────────


def test_a_manifest_that_is_wrong(
    project: Project, emulator: EmulatorServer, path: Callable[..., None]
) -> None:
    """A value of another type, a key twice, broken syntax, around a secret."""
    said = ""
    for value in ([SETTING], {"a": SETTING}, {"a": [SETTING]}):
        manifest(project, value)  # type: ignore[arg-type]  # what is wrong with it
        said += everything(project.run("plan")) + everything(project.run("validate", "--json"))
    name = "manifests/secretive.json"
    for text in (
        f'{{"TaskInfo": {{"Config": {{"password": "{SETTING}" "{SETTING}"}}}}}}',
        f'{{"TaskInfo": {{"password": "{SETTING}", "password": "{SETTING}"}}}}',
        f'{{"password": "{SETTING}", "TaskInfo": {{"Password": "{SETTING}"}}, "name": "x"}}',
    ):
        project.write(name, text)
        said += everything(project.run("plan"))
    (project.root / name).unlink()
    for text in (f"password: [{SETTING}", f"password: !secret {SETTING}", f"password: *{'x'} {SETTING}"):
        project.write("manifests/x.yaml", text)
        said += everything(project.run("plan"))
    path("a manifest that is wrong", said)


def test_what_the_service_does_not_keep(
    project: Project, emulator: EmulatorServer, path: Callable[..., None]
) -> None:
    """The name of the setting is said, not what it should have been and what it is."""
    perform = emulator.service.perform

    def forgetful(action: str, parameters: Any) -> dict[str, Any]:
        fields = perform(action, parameters)
        for one in fields.get("TaskInfo", {}).get("Config", []):
            one["Value"] = OTHER if one["Name"] == "password" else one["Value"]
        return fields

    emulator.service.perform = forgetful  # type: ignore[method-assign]  # another service
    ran = project.run("apply", "-auto-approve")
    assert (ran.code, "did not keep" in ran.out) == (5, True), ran.out
    assert "Config.password" in ran.out
    path("what the service did not keep", everything(ran))


def _unreachable(project: Project, monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ran, as_json = project.run("apply", "-auto-approve"), project.run("apply", "-auto-approve", "--json")
    assert (ran.code, as_json.code) in ((5, 5), (1, 1)), ran.err
    assert "Traceback" not in ran.err
    return everything(ran) + everything(as_json)


def test_the_network(
    project: Project, emulator: EmulatorServer, path: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that is refused, nobody there, rubbish, no TLS, a proxy with a password, no such certificates."""
    monkeypatch.setenv("PROVISIONER_REGION", "r")
    # What is tried again need not be waited for.
    monkeypatch.setattr("provisioner.commands.support.workers.SystemClock.sleep", lambda *_: None)
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", OTHER)
    path("a key that is refused", _unreachable(project, monkeypatch))
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", KEY)
    for kind in ("garbage", "truncated", "redirect"):
        emulator.faults.add(kind, "DescribeIntegrationTasks", count=20)
    path("rubbish", _unreachable(project, monkeypatch))
    path("nobody there", _unreachable(project, monkeypatch, PROVISIONER_ENDPOINT="http://127.0.0.1:1"))
    with _no_tls() as port:
        url = f"https://127.0.0.1:{port}"
        path("no TLS", _unreachable(project, monkeypatch, PROVISIONER_ENDPOINT=url))
        said = _unreachable(project, monkeypatch, REQUESTS_CA_BUNDLE=f"/nowhere/{0}")
        path("no such certificates", said)
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    url = "https://wedata.invalid"
    path("a proxy with a password", _unreachable(project, monkeypatch, PROVISIONER_ENDPOINT=url))
    said = ""
    for proxy in (f"http://user:{PROXY}@[::1", f"ftp://user:{PROXY}@127.0.0.1", f"user:{PROXY}@127.0.0.1:x"):
        said += _unreachable(project, monkeypatch, HTTPS_PROXY=proxy)
    path("a proxy that is none", said)


class _NoTls:
    """A port that answers TLS with something else."""

    def __enter__(self) -> int:
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        port: int = self._listening.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            connection.sendall(b"HTTP/1.0 400 this is not TLS\r\n\r\n")
            connection.close()


def _no_tls() -> _NoTls:
    return _NoTls()


def test_an_endpoint_with_a_password(
    project: Project, path: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a flag, a variable, the file and an environment of the file."""
    url = f"https://user:{USER}@wedata.example"
    said = everything(project.run("apply", "--endpoint", url)) + everything(
        project.run("plan", f"-endpoint={url}")
    )
    monkeypatch.setenv("PROVISIONER_ENDPOINT", url)
    said += everything(project.run("plan")) + everything(project.run("plan", "--json"))
    monkeypatch.delenv("PROVISIONER_ENDPOINT")
    settings = (project.root / "provisioner.yaml").read_text()
    for text in (
        settings.replace("endpoint: embedded", f"endpoint: {url}"),
        f"{settings}environments: {{prod: {{endpoint: '{url}'}}}}\n",
    ):
        project.write("provisioner.yaml", text)
        ran = project.run("plan")
        assert ran.code == 3
        said += everything(ran) + everything(project.run("validate", "--json"))
    path("an endpoint with a password", said)


def test_credentials_that_cannot_be_used(
    project: Project,
    emulator: EmulatorServer,
    path: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Half a pair, blanks around, files that are broken in the place where the secret stands."""
    said = ""
    for key in (f" {KEY}", f"{KEY}\n", f"{KEY}é", ""):
        said += _unreachable(project, monkeypatch, TENCENTCLOUD_SECRET_KEY=key)
    monkeypatch.delenv("TENCENTCLOUD_SECRET_ID")
    monkeypatch.delenv("TENCENTCLOUD_SECRET_KEY")
    file = tmp_path / "credentials"
    for text in (
        f"secret_key = {KEY}",
        f"[default]\n{KEY}",
        f"[default]\nsecret_id = {ID}\nsecret_kee = {KEY}",
    ):
        file.write_text(text)
        said += _unreachable(project, monkeypatch, TENCENTCLOUD_CREDENTIALS_FILE=str(file))
    folder = tmp_path / "home" / ".tccli"
    folder.mkdir(parents=True)
    for text in (f'{{"secretKey": "{KEY}"', f'{{"secretId": "{ID}", "secretKey": " {KEY}é"}}', f'"{KEY}"'):
        (folder / "default.credential").write_text(text)
        said += _unreachable(project, monkeypatch)
    path("credentials that cannot be used", said)


# ── a bug, and what else can be looked at ───────────────────────────────────

CRASHES = {
    "while signing": ("provisioner.cloud.signer", "authorization"),
    "while sending": ("provisioner.cloud.connection", "Route.post"),
    "while a call is under way": ("provisioner.cloud.wire.replies", "write_reply"),
    "while credentials are looked for": ("provisioner.cloud.credentials", "_checked"),
    "while a plan is made": ("provisioner.core.documents.plan_document", "shown_body"),
    "while the state is written": ("provisioner.core.state.snapshot", "encode"),
}
_CRASH = """
import functools, importlib, sys
module, name = sys.argv[1:3]
owner = importlib.import_module(module)
*outer, last = name.split(".")
owner = functools.reduce(getattr, outer, owner)
def broken(*arguments, **named):
    local = (arguments, named)
    raise RuntimeError("a bug")
setattr(owner, last, broken)
from provisioner.cli import main
main(["plan", "--json"]) if last == "shown_body" else main(["apply", "-auto-approve"])
"""


def test_a_bug_shows_no_values(project: Project, emulator: EmulatorServer, path: Callable[..., None]) -> None:
    """Its traceback has our lines and not what they worked on, in every thread."""
    said = ""
    for name, (module, function) in CRASHES.items():
        ran = subprocess.run(
            [sys.executable, "-c", _CRASH, module, function],
            cwd=project.root,
            env={**unmeasured(), "PYTHONWARNINGS": "default"},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert "RuntimeError: a bug" in ran.stderr, name
        said += ran.stdout + ran.stderr
    path("a traceback", said)


def test_no_process_is_started_and_no_argument_holds_a_secret(
    project: Project, emulator: EmulatorServer, path: Callable[..., None]
) -> None:
    """Everybody on a machine can read the arguments of its processes."""
    script = (
        "import sys\n"
        "heard = []\n"
        "names = ('subprocess.Popen', 'os.system', 'os.exec', 'os.spawn', 'os.posix_spawn', 'os.fork', 'os.putenv')\n"
        "sys.addaudithook(lambda name, _: heard.append(name) if name in names else None)\n"
        "from provisioner.cli import main\n"
        "code = main(['apply', '-auto-approve'])\n"
        "print(code, heard, open('/proc/self/cmdline').read())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project.root,
        env=unmeasured(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "\n0 [] " in ran.stdout, ran.stdout + ran.stderr
    path("arguments of processes", ran.stdout + ran.stderr)


def _values() -> Iterator[object]:
    """One of each value that holds a credential on its way."""
    environ = {"TENCENTCLOUD_SECRET_ID": ID, "TENCENTCLOUD_SECRET_KEY": KEY, "TENCENTCLOUD_TOKEN": TOKEN}
    found = find_credential(environ, home="/nowhere", fetch=lambda _: None)
    yield found
    yield found.credential
    module = importlib.import_module("provisioner.cloud.credentials")
    yield module._Search(environ, "/nowhere", "default")
    yield importlib.import_module("provisioner.cloud.renewal").CredentialProvider(lambda: found, lambda: 0.0)
    signer = Signer(
        parse_endpoint("http://127.0.0.1:1"),
        importlib.import_module("provisioner.cloud.renewal").CredentialProvider(lambda: found, lambda: 0.0),
        region="r",
        now=lambda: 0.0,
    )
    yield signer
    signed = signer.sign("CreateIntegrationTask", b"{}")
    yield signed
    write = CreateTask(project_id="1", body={"Config": {"password": SETTING}})
    yield SignedWrite(write=write, action="", payload=b"{}", headers=signed.headers, timestamp=0, digest="")
    yield Request("POST", "/", {name.lower(): value for name, value in signed.headers.items()}, b"{}")


def test_no_value_shows_a_credential(path: Callable[..., None]) -> None:
    """``repr`` is what a debugger, a log and a failed assertion show."""
    values = list(_values())
    shown = "".join(f"{value!r}{value!s}" for value in values)
    path("repr of every value with a credential", shown, CREDENTIALS)
    # Whoever adds a value with headers or a secret finds it here.
    looked_at = {type(value) for value in values}
    for kind in _dataclasses():
        names = {field.name for field in dataclasses.fields(kind) if field.repr}
        risky = names & {"headers", "environ", "secret_key", "token", "credential", "credentials", "password"}
        assert not risky or kind in {*looked_at, Credential, Found}, kind


def _dataclasses() -> Iterator[Any]:
    for module in pkgutil.walk_packages(provisioner.__path__, "provisioner."):
        if module.name != "provisioner.__main__":
            for kind in vars(importlib.import_module(module.name)).values():
                if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                    yield kind
