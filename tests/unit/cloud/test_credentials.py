"""Where credentials are found, in the order that the vendor's own tools use; and what is never said."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from provisioner.cloud.credentials import CredentialProvider, Found, find_credential, find_region, profile_of
from provisioner.core.signing import Credential
from provisioner.errors import CredentialsError

CANARY = "canary-secret-value"
PAIR = {"TENCENTCLOUD_SECRET_ID": "AKIDENV", "TENCENTCLOUD_SECRET_KEY": CANARY}


def _none(_path: str) -> None:
    return None


def _find(
    home: Path, environ: Mapping[str, str] | None = None, fetch: Callable[[str], str | None] = _none
) -> Found:
    return find_credential(environ or {}, home=str(home), fetch=fetch)


def _profile(home: Path, text: str, name: str = "default") -> None:
    folder = home / ".tccli"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.credential").write_text(text)


def _ini(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


PLAIN = json.dumps({"secretId": "AKIDFILE", "secretKey": CANARY, "token": "t"})
INI = f"[default]\nsecret_id = AKIDINI\nsecret_key = {CANARY}\n"


def test_the_environment_comes_first(tmp_path: Path) -> None:
    """Before any file."""
    _profile(tmp_path, PLAIN)
    found = _find(tmp_path, {**PAIR, "TENCENTCLOUD_SECURITY_TOKEN": "session"})
    assert found == Found(Credential("AKIDENV", CANARY, "session", "environment"))


def test_then_the_profile_then_the_ini_file_then_the_machine(tmp_path: Path) -> None:
    """Each only if those before it have nothing."""
    role = {"TmpSecretId": "AKIDROLE", "TmpSecretKey": CANARY, "Token": "t", "ExpiredTime": 99}
    fetch = {"": "role\n", "role": json.dumps(role)}.get
    assert _find(tmp_path, fetch=fetch) == Found(Credential("AKIDROLE", CANARY, "t", "machine role"), 99)
    _ini(tmp_path / ".tencentcloud" / "credentials", INI)
    assert _find(tmp_path, fetch=fetch).credential.secret_id == "AKIDINI"
    _profile(tmp_path, PLAIN)
    found = _find(tmp_path, fetch=fetch).credential
    assert (found.secret_id, found.token) == ("AKIDFILE", "t")


def test_a_profile_and_its_folder_can_be_chosen(tmp_path: Path) -> None:
    """By the variables of either tool."""
    _profile(tmp_path, json.dumps({"secretId": "AKIDWORK", "secretKey": CANARY}), "work")
    for environ in (
        {"TENCENTCLOUD_PROFILE": "work"},
        {"TCCLI_PROFILE": "work"},
        {"TCCLI_PROFILE": "work", "TENCENTCLOUD_SHARED_CREDENTIALS_DIR": str(tmp_path / ".tccli")},
    ):
        assert profile_of(environ) == "work"
        assert _find(tmp_path, environ).credential.secret_id == "AKIDWORK"


def test_an_ini_file_can_be_named(tmp_path: Path) -> None:
    """Then it alone is looked at."""
    _ini(tmp_path / "mine", INI)
    assert (
        _find(tmp_path, {"TENCENTCLOUD_CREDENTIALS_FILE": str(tmp_path / "mine")}).credential.secret_id
        == "AKIDINI"
    )
    _ini(tmp_path / ".tencentcloud" / "credentials", INI)
    with pytest.raises(CredentialsError, match="other is not there"):
        _find(tmp_path, {"TENCENTCLOUD_CREDENTIALS_FILE": str(tmp_path / "other")})


def test_nothing_anywhere_names_every_place(tmp_path: Path) -> None:
    """And what to do."""
    with pytest.raises(CredentialsError) as raised:
        _find(tmp_path)
    for place in (
        "TENCENTCLOUD_SECRET_ID",
        "default.credential",
        ".tencentcloud/credentials",
        "machine role",
        "tccli configure",
    ):
        assert place in str(raised.value)


@pytest.mark.parametrize(
    "environ",
    [
        {"TENCENTCLOUD_SECRET_ID": "AKID"},
        {"TENCENTCLOUD_SECRET_KEY": CANARY},
        {"TENCENTCLOUD_SECRET_ID": "", "TENCENTCLOUD_SECRET_KEY": CANARY},
        {"TENCENTCLOUD_SECRET_ID": "AKID", "TENCENTCLOUD_SECRET_KEY": f" {CANARY}"},
        {"TENCENTCLOUD_SECRET_ID": "AKID", "TENCENTCLOUD_SECRET_KEY": f"{CANARY}\n"},
    ],
    ids=["no key", "no id", "empty id", "blank", "newline"],
)
def test_half_a_pair_is_an_error_and_not_a_reason_to_go_on(tmp_path: Path, environ: dict[str, str]) -> None:
    """Whoever set something means it; the secret is not in the text."""
    _profile(tmp_path, PLAIN)
    with pytest.raises(CredentialsError) as raised:
        _find(tmp_path, environ)
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [f'{{"secretKey": "{CANARY}"', f"[default]\nsecret_key={CANARY}\n[", "\x00"],
    ids=["json", "ini", "nul"],
)
def test_a_broken_file_is_named_and_not_quoted(tmp_path: Path, text: str) -> None:
    """Neither in the message nor in what it was raised from."""
    for place in ("profile", "ini"):
        home = tmp_path / place
        home.mkdir()
        if place == "profile":
            _profile(home, text)
        else:
            _ini(home / ".tencentcloud" / "credentials", text)
        with pytest.raises(CredentialsError) as raised:
            _find(home)
        assert CANARY not in str(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__


def test_files_that_cannot_be_read_are_errors(tmp_path: Path) -> None:
    """A folder in place of a file, and text that is not UTF-8."""
    (tmp_path / ".tccli" / "default.credential").mkdir(parents=True)
    with pytest.raises(CredentialsError, match="cannot be read"):
        _find(tmp_path)
    (tmp_path / ".tccli" / "default.credential").rmdir()
    (tmp_path / ".tccli" / "default.credential").write_bytes(b"\xff")
    with pytest.raises(CredentialsError, match="not UTF-8"):
        _find(tmp_path)


@pytest.mark.parametrize(
    "document", [{"type": "oauth", "oauth": {}}, {"secretId": "x"}, [1]], ids=["oauth", "half", "list"]
)
def test_a_profile_without_a_plain_key_is_passed_over_and_named(tmp_path: Path, document: object) -> None:
    """Short-lived logins are refreshed by the vendor's tool only."""
    _profile(tmp_path, json.dumps(document))
    with pytest.raises(CredentialsError, match="has no plain key"):
        _find(tmp_path)


def test_a_machine_role_that_answers_rubbish_is_none(tmp_path: Path) -> None:
    """Whatever listens at that name."""
    for answers in ({"": "role", "role": "<html>"}, {"": "role"}, {"": "role", "role": "{}"}):
        with pytest.raises(CredentialsError, match="machine role"):
            _find(tmp_path, fetch=answers.get)


def test_temporary_credentials_are_fetched_anew_in_time() -> None:
    """With five minutes left, and not before."""
    now = [0.0]
    found = iter([Found(Credential("first", "k"), 1000), Found(Credential("second", "k"), 9000)])
    provider = CredentialProvider(lambda: next(found), lambda: now[0])
    now[0] = 699
    assert provider.current().secret_id == "first"
    now[0] = 700
    assert provider.current().secret_id == "second"


def test_lasting_credentials_are_found_once() -> None:
    """They do not expire."""
    provider = CredentialProvider(iter([Found(Credential("only", "k"))]).__next__, lambda: 1e12)
    assert {provider.current().secret_id for _ in range(3)} == {"only"}


def test_the_region_of_the_vendors_tools_is_used(tmp_path: Path) -> None:
    """The variable, else the profile's configuration."""
    assert find_region({}, home=str(tmp_path)) is None
    (tmp_path / ".tccli").mkdir()
    configure = tmp_path / ".tccli" / "default.configure"
    for text, region in (
        ("{}", None),
        ('{"_sys_param": {"region": ""}}', None),
        ('{"_sys_param": {"region": "ap-x"}}', "ap-x"),
    ):
        configure.write_text(text)
        assert find_region({}, home=str(tmp_path)) == region
    assert find_region({"TENCENTCLOUD_REGION": "ap-y"}, home=str(tmp_path)) == "ap-y"
