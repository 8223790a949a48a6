"""Where credentials are found: the places that the vendor's own tools look at, in their order.

Rule: a secret is read, handed on, and never said. What a person set is meant: half of a pair, a place
that was named and is not there, a profile of a kind that is not supported here are errors, never a
reason to go on silently to the credentials of somebody else. When nothing is found, the error names
every place and what was there.

Source of names and order: the vendor's SDKs, command line tool and Terraform provider.
"""

import configparser
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from provisioner.core.api.signing import Credential
from provisioner.core.text import printable
from provisioner.errors import CredentialsError

ID, KEY = "TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"
_TOKENS = ("TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN")
_FOLDER = "TENCENTCLOUD_SHARED_CREDENTIALS_DIR"
_PROFILES = ("TENCENTCLOUD_PROFILE", "TCCLI_PROFILE")

# What can stand in a header: visible ASCII. In an id neither what separates it there from what follows
# (comma, slash) nor quotes, which are no part of it and which no tool of the vendor strips.
_VISIBLE = re.compile("[!-~]+")
_ID = re.compile(r"[!#-&(-+\-.0-~]+")

_LATEST = 100_000_000_000
"""Unix seconds in a far future; milliseconds are more."""

Fetch = Callable[[str], str | None]
"""A path of the machine's metadata service to its text; None where there is none."""


@dataclass(slots=True)
class _Search:
    """What to look at, and what was looked at so far."""

    environ: Mapping[str, str] = field(repr=False)
    home: str
    fetch: Fetch
    looked: list[str] = field(default_factory=list)

    def pass_over(self, place: str, *, is_named: bool = False) -> None:
        """There is nothing at this place.

        Raises:
            CredentialsError: a person named it.
        """
        if is_named:
            raise CredentialsError(f"The credentials that were asked for are not there.\n  {place}.")
        self.looked.append(place)


@dataclass(frozen=True, slots=True)
class Found:
    """A credential and until when it is good."""

    credential: Credential
    expires: int | None = None
    """Unix seconds; None if it does not expire."""


def find_credential(environ: Mapping[str, str], *, home: str, fetch: Fetch) -> Found:
    """The first credential of the chain: environment, profile files, machine role.

    Raises:
        CredentialsError: none, or one that is half there or unusable; no secret is in the text.
    """
    search = _Search(environ, home, fetch)
    for look in (_environment, _profile, _ini_files, _machine_role):
        found = look(search)
        if found is not None:
            return found
    places = "\n".join(f"  {place}" for place in search.looked)
    raise CredentialsError(
        f"No credentials were found. Looked at:\n{places}\n"
        f"Set {ID} and {KEY}, or write a profile with the vendor's tool:\n  tccli configure"
    )


def find_region(environ: Mapping[str, str], *, home: str) -> str | None:
    """The region that the vendor's tools would use, where one is set."""
    if environ.get("TENCENTCLOUD_REGION"):
        return environ["TENCENTCLOUD_REGION"]
    path = os.path.join(_folder(environ, home), f"{profile_of(environ)}.configure")
    text = _text_file(path)
    document = None if text is None else _document(text, path)
    system = document.get("_sys_param") if isinstance(document, dict) else None
    region = system.get("region") if isinstance(system, dict) else None
    return region if isinstance(region, str) and region else None


def profile_of(environ: Mapping[str, str]) -> str:
    """The name of the profile in use."""
    return next((environ[name] for name in _PROFILES if environ.get(name)), "default")


# ── the places ──────────────────────────────────────────────────────────────


def _environment(search: _Search) -> Found | None:
    environ = search.environ
    if ID not in environ and KEY not in environ:
        search.pass_over(f"environment: {ID} and {KEY} are not set")
        return None
    for name in (ID, KEY):
        if not environ.get(name):
            state = "set but empty" if name in environ else "not set"
            raise _half("environment", f"{name} is {state}")
    token = next((environ[name] for name in _TOKENS if environ.get(name)), None)
    return Found(_checked(environ[ID], environ[KEY], token, "environment"))


def _profile(search: _Search) -> Found | None:
    environ, name = search.environ, profile_of(search.environ)
    is_named = any(environ.get(variable) for variable in (*_PROFILES, _FOLDER))
    path = os.path.join(_folder(environ, search.home), f"{name}.credential")
    place = f"profile {printable(name)}: {printable(path)}"
    text = _text_file(path)
    if text is None:
        search.pass_over(f"{place} is not there", is_named=is_named)
        return None
    document = _document(text, path)
    if not isinstance(document, dict):
        raise _unusable(place, "it is not an object with secretId and secretKey")
    if document.get("type") == "cvm-role":
        return _role_of_profile(search, place)
    _ensure_plain(document, place)
    identity, key, token = (_text(document, name, place) for name in ("secretId", "secretKey", "token"))
    if not identity and not key:
        search.pass_over(f"{place} has no key", is_named=is_named)
        return None
    if not identity or not key:
        raise _half(place, f"{'secretKey' if identity else 'secretId'} is not set")
    expires = document.get("expiresAt")
    if expires is not None and not _is_time(expires):
        raise _unusable(place, "expiresAt is not a time")
    return Found(_checked(identity, key, token or None, path), expires)


def _ensure_plain(document: Mapping[str, Any], place: str) -> None:
    """Only keys that sign as they are: what has to be exchanged for another key first is not done here."""
    kind = document.get("type")
    if kind:
        raise _unusable(place, f"its type {printable(str(kind))} is not supported here, only plain keys are")
    if document.get("role-arn"):
        raise _unusable(place, "it names a role to be assumed (role-arn), which is not supported here")


def _role_of_profile(search: _Search, place: str) -> Found:
    """A profile that says cvm-role names the machine role, which would else be looked at last."""
    found = _machine_role(search)
    if found is None:
        raise CredentialsError(
            f"The credentials that were asked for are not there.\n  {place} is of type cvm-role.\n"
            f"  {search.looked[-1]}."
        )
    return found


def _ini_files(search: _Search) -> Found | None:
    chosen = search.environ.get("TENCENTCLOUD_CREDENTIALS_FILE")
    usual = [os.path.join(search.home, ".tencentcloud", "credentials"), "/etc/tencentcloud/credentials"]
    for path in [chosen] if chosen else usual:
        text = _text_file(path)
        if text is None:
            search.pass_over(f"file: {printable(path)} is not there", is_named=bool(chosen))
            continue
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(text)
            section = parser["default"]
            identity, key = section["secret_id"], section["secret_key"]
        except (configparser.Error, KeyError):
            # Not "from": the parser's own text quotes lines of the file.
            raise CredentialsError(
                "A file of credentials cannot be used.\n"
                f"  {printable(path)}: it needs a section [default] with secret_id and secret_key."
            ) from None
        return Found(_checked(identity, key, None, path))
    return None


def _machine_role(search: _Search) -> Found | None:
    role = (search.fetch("") or "").strip()
    if not role:
        search.pass_over("machine role: this machine has none")
        return None
    try:
        document = json.loads(search.fetch(role) or "")
        code, expires = document["Code"], document["ExpiredTime"]
        parts = [document[name] for name in ("TmpSecretId", "TmpSecretKey", "Token")]
    except (ValueError, KeyError, TypeError, RecursionError):
        code, expires, parts = None, None, []
    if code != "Success" or not _is_time(expires) or not all(isinstance(part, str) for part in parts):
        search.pass_over("machine role: the machine's metadata service gives no usable key")
        return None
    identity, key, token = parts
    return Found(_checked(identity, key, token, "machine role"), expires)


# ── what is there ───────────────────────────────────────────────────────────


def _checked(identity: str, key: str, token: str | None, source: str) -> Credential:
    texts = [("secret id", identity, _ID), ("secret key", key, _VISIBLE)]
    if token is not None:
        texts.append(("session token", token, _VISIBLE))
    for name, value, pattern in texts:
        if not pattern.fullmatch(value):
            raise _unusable(
                source, f"the {name} is empty, or holds a blank or another character that none has"
            )
    return Credential(identity, key, token, source)


def _unusable(place: str, why: str) -> CredentialsError:
    return CredentialsError(f"The credentials cannot be used.\n  {printable(place)}: {why}.")


def _half(place: str, what: str) -> CredentialsError:
    return CredentialsError(f"Half of the credentials is missing.\n  {printable(place)}: {what}.")


def _text(document: Mapping[str, Any], name: str, place: str) -> str:
    """A text without blanks around it, as the vendor's tools read it; empty if there is none."""
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise _unusable(place, f"{name} is not a text")
    return (value or "").strip()


def _is_time(value: object) -> TypeGuard[int]:
    """Whether it is a time in Unix seconds."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LATEST


def _folder(environ: Mapping[str, str], home: str) -> str:
    return environ.get(_FOLDER) or os.path.join(home, ".tccli")


def _document(text: str, path: str) -> Any:  # noqa: ANN401  # straight out of JSON
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        # Not "from": the parser's error holds the whole text.
        raise CredentialsError(f"A profile file is not JSON.\n  {printable(path)}") from None


def _text_file(path: str) -> str | None:
    """The text of a small file, or None if there is none.

    Raises:
        CredentialsError: it is there and cannot be read.
    """
    try:
        # With or without a byte order mark: editors of some systems put one in front.
        with open(path, encoding="utf-8-sig") as file:
            return file.read(1_000_000)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CredentialsError(
            f"A file of credentials cannot be read.\n  {printable(path)}: {reason}"
        ) from None
