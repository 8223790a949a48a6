"""What a person's environment says about certificates and proxies, checked before anything is sent."""

from dataclasses import replace
from pathlib import Path

import certifi
import pytest

from fakes.clock import FakeClock
from provisioner.cloud.endpoint import parse_endpoint
from provisioner.commands.support.remote import open_remote, proxies, trusted
from provisioner.core.settings import Settings
from provisioner.errors import UsageError

SERVICE = parse_endpoint("wedata.intl.tencentcloudapi.com")
LOCAL = parse_endpoint("http://127.0.0.1:8000")
NAMES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")

SETTINGS = Settings(
    stack="s",
    project_id="1",
    region="ap-singapore",
    endpoint="wedata.intl.tencentcloudapi.com",
    manifests="manifests",
    state="provisioner.state.json",
    rate_per_second=20,
    parallelism=1,
    marker="description",
    max_deletes=1,
    max_delete_percent=1,
    work_seconds=60,
    list_lag_seconds=30,
)


@pytest.mark.parametrize("name", NAMES)
def test_certificates_that_were_named_are_trusted(tmp_path: Path, name: str) -> None:
    """A file of them, or a folder."""
    assert trusted({name: certifi.where()}, SERVICE) == certifi.where()
    assert trusted({name: str(tmp_path)}, SERVICE) == str(tmp_path)


def test_the_variable_of_requests_comes_first() -> None:
    """As it does for other programs that use it."""
    environ = dict(zip(NAMES, (certifi.where(), "/nowhere"), strict=True))
    assert trusted(environ, SERVICE) == certifi.where()


@pytest.mark.parametrize("environ", [{}, {NAMES[0]: "", NAMES[1]: ""}], ids=["unset", "empty"])
def test_without_a_name_the_usual_certificates_are_trusted(environ: dict[str, str]) -> None:
    """Those that come with requests."""
    assert trusted(environ, SERVICE) is True


@pytest.mark.parametrize("name", NAMES)
def test_a_name_without_certificates_is_said_with_its_variable(tmp_path: Path, name: str) -> None:
    """Else every call would fail, and nobody would know why."""
    for content, why in (
        (None, "the system says: No such file or directory"),
        ("", "it holds no certificates"),
        ("hello", "it holds no certificates"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "it holds no certificates"),
    ):
        path = tmp_path / "a\x1b.pem"
        if content is not None:
            path.write_text(content)
        with pytest.raises(UsageError, match=f"{name}: .*x1b.pem: {why}") as raised:
            trusted({name: str(path)}, SERVICE)
        assert "\x1b" not in str(raised.value)


def test_certificates_are_no_matter_where_nothing_is_encrypted() -> None:
    """The emulator works on a machine whose variable is wrong."""
    assert trusted({NAMES[0]: "/nowhere"}, LOCAL) is True


def test_the_check_comes_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is part of opening the remote side."""
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "AKIDEXAMPLE0001")
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "EXAMPLEKEY0001")
    monkeypatch.setenv(NAMES[0], "/nowhere")
    with pytest.raises(UsageError, match="REQUESTS_CA_BUNDLE: /nowhere"), open_remote(SETTINGS, FakeClock()):
        pass
    with open_remote(replace(SETTINGS, endpoint="http://127.0.0.1:8000"), FakeClock()):
        """Nothing is asked of it."""


@pytest.mark.parametrize(
    ("excluded", "is_used"),
    [
        ("", True),
        ("example.com", True),
        ("tencentcloudapi.com", False),
        (" .tencentcloudapi.com , x", False),
        ("wedata.intl.tencentcloudapi.com", False),
        ("cloudapi.com", True),
        ("*", False),
    ],
)
def test_a_proxy_is_used_unless_the_host_is_excluded(excluded: str, is_used: bool) -> None:
    """By its name or by a domain that it is in, not by any part of its name."""
    environ = {"https_proxy": "http://proxy:3128", "NO_PROXY": excluded}
    assert proxies(environ, SERVICE) == ({"https": "http://proxy:3128"} if is_used else {})
    assert proxies(environ, LOCAL) == {}
    assert proxies({}, SERVICE) == {}
