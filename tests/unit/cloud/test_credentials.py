"""Where credentials are found, in the order that the vendor's own tools use; and what is never said."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from provisioner.cloud.credentials import ID, KEY, Found, find_credential, find_region, profile_of
from provisioner.core.api.signing import Credential
from provisioner.errors import CredentialsError

CANARY = "canary-secret-value"
PAIR = {ID: "AKIDENV", KEY: CANARY}


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
ROLE = {"Code": "Success", "TmpSecretId": "AKIDROLE", "TmpSecretKey": CANARY, "Token": "t", "ExpiredTime": 99}
INI = f"[default]\nsecret_id = AKIDINI\nsecret_key = {CANARY}\n"


def test_the_environment_comes_first(tmp_path: Path) -> None:
    """Before any file."""
    _profile(tmp_path, PLAIN)
    found = _find(tmp_path, {**PAIR, "TENCENTCLOUD_SECURITY_TOKEN": "session"})
    assert found == Found(Credential("AKIDENV", CANARY, "session", "environment"))


def test_then_the_profile_then_the_ini_file_then_the_machine(tmp_path: Path) -> None:
    """Each only if those before it have nothing."""
    fetch = {"": "role\n", "role": json.dumps(ROLE)}.get
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


NO_PLAIN_KEY = [
    ({"type": "oauth", "oauth": {}}, "its type oauth is not supported here"),
    ({"type": "sso", "secretId": "AKID", "secretKey": CANARY, "token": "t"}, "its type sso is not supported"),
    ({"type": "x\x1b"}, r"its type x\\x1b is not supported here"),
    ({"secretId": "AKID", "secretKey": CANARY, "role-arn": "qcs::cam"}, "role-arn"),
    ({"secretId": "AKID"}, "secretKey is not set"),
    ({"secretId": "AKID", "secretKey": " "}, "secretKey is not set"),
    ({"secretKey": CANARY}, "secretId is not set"),
    ({"secretId": "AKID", "secretKey": 123}, "secretKey is not a text"),
    ({"secretId": "AKID", "secretKey": CANARY, "token": 7}, "token is not a text"),
    ({"secretId": "AKID", "secretKey": CANARY, "expiresAt": "soon"}, "expiresAt is not a time"),
    ({"secretId": "AKID", "secretKey": CANARY, "expiresAt": True}, "expiresAt is not a time"),
    ([CANARY], "not an object"),
    (None, "not an object"),
]


@pytest.mark.parametrize(("document", "why"), NO_PLAIN_KEY, ids=[row[1] for row in NO_PLAIN_KEY])
def test_a_profile_without_a_plain_key_is_an_error_and_not_a_reason_to_go_on(
    tmp_path: Path, document: object, why: str
) -> None:
    """Other credentials may be those of another account; short-lived logins only the vendor's tool renews."""
    _profile(tmp_path, json.dumps(document))
    _ini(tmp_path / ".tencentcloud" / "credentials", INI)
    with pytest.raises(CredentialsError, match=why) as raised:
        _find(tmp_path)
    assert "default.credential" in str(raised.value)
    assert CANARY not in str(raised.value)
    assert "\x1b" not in str(raised.value)
    assert _find(tmp_path, PAIR).credential.secret_id == "AKIDENV"


@pytest.mark.parametrize("document", [{}, {"secretId": None, "secretKey": ""}, {"token": "t"}], ids=str)
def test_a_profile_in_which_nothing_is_set_is_passed_over(tmp_path: Path, document: object) -> None:
    """Unless it was asked for by name."""
    _profile(tmp_path, json.dumps(document))
    with pytest.raises(CredentialsError, match=r"(?s)No credentials.*default.credential has no key.*machine"):
        _find(tmp_path)
    _ini(tmp_path / ".tencentcloud" / "credentials", INI)
    assert _find(tmp_path).credential.secret_id == "AKIDINI"
    with pytest.raises(CredentialsError, match=r"asked for are not there.\n.*has no key"):
        _find(tmp_path, {"TCCLI_PROFILE": "default"})


def test_a_profile_may_say_until_when_it_is_good(tmp_path: Path) -> None:
    """Then so is what was found."""
    _profile(tmp_path, json.dumps({**json.loads(PLAIN), "expiresAt": 1000}))
    assert _find(tmp_path).expires == 1000


@pytest.mark.parametrize(
    "name", ["TCCLI_PROFILE", "TENCENTCLOUD_PROFILE", "TENCENTCLOUD_SHARED_CREDENTIALS_DIR"]
)
def test_a_profile_that_was_named_has_to_be_there(tmp_path: Path, name: str) -> None:
    """Nobody who asks for one wants the keys of another place."""
    _ini(tmp_path / ".tencentcloud" / "credentials", INI)
    with pytest.raises(CredentialsError, match=r"prod.*\.credential is not there"):
        _find(tmp_path, {name: "prod"})
    assert _find(tmp_path, {name: "prod", **PAIR}).credential.secret_id == "AKIDENV"
    assert _find(tmp_path, {name: ""}).credential.secret_id == "AKIDINI"


def test_a_profile_can_stand_for_the_machine_role(tmp_path: Path) -> None:
    """Then nothing else is looked at, not even what comes before it in the chain."""
    _profile(tmp_path, '{"type": "cvm-role"}')
    _ini(tmp_path / ".tencentcloud" / "credentials", INI)
    fetch = {"": "role", "role": json.dumps(ROLE)}.get
    assert _find(tmp_path, fetch=fetch).credential.secret_id == "AKIDROLE"
    with pytest.raises(CredentialsError, match=r"cvm-role\.\n  machine role: this machine has none"):
        _find(tmp_path)


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    """Some editors put one in front."""
    path = tmp_path / ".tencentcloud" / "credentials"
    _ini(path, "")
    path.write_bytes(b"\xef\xbb\xbf" + INI.encode())
    assert _find(tmp_path).credential.secret_id == "AKIDINI"
    _profile(tmp_path, "")
    (tmp_path / ".tccli" / "default.credential").write_bytes(b"\xef\xbb\xbf" + PLAIN.encode())
    assert _find(tmp_path).credential.secret_id == "AKIDFILE"
    (tmp_path / ".tccli" / "default.configure").write_bytes(b'\xef\xbb\xbf{"_sys_param": {"region": "ap-x"}}')
    assert find_region({}, home=str(tmp_path)) == "ap-x"


UNFIT = ["a b", "a\n", "a\x00", "a\x7f", "é", "\u202e", " a", "a "]


@pytest.mark.parametrize(
    ("part", "value"),
    [(part, value) for part in ("id", "key", "token") for value in UNFIT]
    + [("id", value) for value in ("a,b", "a/b", '"a"', "'a'")],
)
def test_what_cannot_stand_in_a_header_is_no_credential(tmp_path: Path, part: str, value: str) -> None:
    """Found before anything is sent, named, and not shown."""
    names = {"id": "TENCENTCLOUD_SECRET_ID", "key": "TENCENTCLOUD_SECRET_KEY", "token": "TENCENTCLOUD_TOKEN"}
    with pytest.raises(CredentialsError, match=f"environment: the [a-z]+ {part} ") as raised:
        _find(tmp_path, {**PAIR, names[part]: f"{CANARY}{value}"})
    assert CANARY not in str(raised.value)
    fields = {"id": "TmpSecretId", "key": "TmpSecretKey", "token": "Token"}
    fetch = {"": "role", "role": json.dumps({**ROLE, fields[part]: f"{CANARY}{value}"})}.get
    with pytest.raises(CredentialsError, match=f"machine role: the [a-z]+ {part} "):
        _find(tmp_path, fetch=fetch)


def test_every_usual_character_is_allowed(tmp_path: Path) -> None:
    """Session tokens are long and of the letters of base64 in either spelling."""
    environ = {ID: "AKIDz_x-1.2", KEY: "aA0+/=_-,", "TENCENTCLOUD_TOKEN": "aA0+/=_-" * 100}
    found = _find(tmp_path, environ).credential
    assert (found.secret_id, found.secret_key, found.token) == tuple(environ.values())


@pytest.mark.parametrize(
    "change",
    [
        {"Code": "Failed"},
        {"Code": None},
        {"TmpSecretId": 5},
        {"TmpSecretKey": None},
        {"Token": 7},
        {"ExpiredTime": "1700000000"},
        {"ExpiredTime": True},
        {"ExpiredTime": 0},
        {"ExpiredTime": 1_700_000_000_000},
        {"ExpiredTime": 1.5},
        {"ExpiredTime": float("inf")},
    ],
    ids=str,
)
def test_a_metadata_reply_is_checked(tmp_path: Path, change: dict[str, object]) -> None:
    """Whatever is not exactly as documented is no key."""
    fetch = {"": "role", "role": json.dumps({**ROLE, **change})}.get
    with pytest.raises(
        CredentialsError, match="machine role: the machine's metadata service gives no usable"
    ):
        _find(tmp_path, fetch=fetch)


@pytest.mark.parametrize("text", ["[" * 100_000, "1e999", "null", "[]", '{"Code": "Success"}', "9" * 5000])
def test_no_metadata_reply_breaks_the_search(tmp_path: Path, text: str) -> None:
    """It ends as every search without a result does."""
    for reply in (text, f'{{"Code": "Success", "ExpiredTime": {text}}}'):
        with pytest.raises(CredentialsError, match="machine role"):
            _find(tmp_path, fetch={"": "role", "role": reply}.get)


def test_a_machine_role_that_answers_rubbish_is_none(tmp_path: Path) -> None:
    """Whatever listens at that name."""
    for answers in ({"": "role", "role": "<html>"}, {"": "role"}, {"": "role", "role": "{}"}):
        with pytest.raises(CredentialsError, match="machine role"):
            _find(tmp_path, fetch=answers.get)


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
