"""Where credentials are found: the places that the vendor's own tools look at, in their order.

Rule: a secret is read, handed on, and never said. A place that holds half of a pair is an error, not
a reason to go on silently: a person who set something means it. When nothing is found, the error
names every place and what was there.

Source of names and order: the vendor's SDKs, command line tool and Terraform provider.
"""

import configparser
import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from provisioner.core.signing import Credential
from provisioner.core.text import printable
from provisioner.errors import CredentialsError

ID, KEY = "TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"
_TOKENS = ("TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN")
_REFRESH_SECONDS = 300
"""Temporary credentials with less left than this are fetched anew, as the vendor's SDK does."""

Fetch = Callable[[str], str | None]
"""A path of the machine's metadata service to its text; None where there is none."""


@dataclass(slots=True)
class _Search:
    """What was looked at so far."""

    environ: Mapping[str, str] = field(repr=False)
    home: str
    profile: str
    looked: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Found:
    """A credential and until when it is good."""

    credential: Credential
    expires: int | None = None
    """Unix seconds; None if it does not expire."""


class CredentialProvider:
    """Hands out the credential; fetches a temporary one anew before it expires. Thread-safe."""

    def __init__(self, find: Callable[[], Found], now: Callable[[], float]) -> None:
        self._find = find
        self._now = now
        self._lock = threading.Lock()
        self._found = find()

    def current(self) -> Credential:
        """The credential to sign with now.

        Raises:
            CredentialsError: a temporary one expired and no new one is to be had.
        """
        with self._lock:
            expires = self._found.expires
            if expires is not None and expires - self._now() <= _REFRESH_SECONDS:
                self._found = self._find()
            return self._found.credential


def find_credential(environ: Mapping[str, str], *, home: str, fetch: Fetch) -> Found:
    """The first credential of the chain: environment, profile files, machine role.

    Raises:
        CredentialsError: none, or one that is half there or unusable; no secret is in the text.
    """
    search = _Search(environ, home, profile_of(environ))
    for look in (_environment, _profile_file, _ini_files):
        credential = look(search)
        if credential is not None:
            return Found(credential)
    found = _machine_role(search, fetch)
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
    document = _json_file(path)
    system = document.get("_sys_param") if document else None
    region = system.get("region") if isinstance(system, dict) else None
    return region if isinstance(region, str) and region else None


def profile_of(environ: Mapping[str, str]) -> str:
    """The name of the profile in use."""
    return environ.get("TENCENTCLOUD_PROFILE") or environ.get("TCCLI_PROFILE") or "default"


def _environment(search: _Search) -> Credential | None:
    environ = search.environ
    if ID not in environ and KEY not in environ:
        search.looked.append(f"environment: {ID} and {KEY} are not set")
        return None
    for name in (ID, KEY):
        if not environ.get(name):
            state = "set but empty" if name in environ else "not set"
            raise CredentialsError(f"Half of the credentials is missing.\n  environment: {name} is {state}.")
    token = next((environ[name] for name in _TOKENS if environ.get(name)), None)
    return _checked(environ[ID], environ[KEY], token, "environment")


def _profile_file(search: _Search) -> Credential | None:
    path = os.path.join(_folder(search.environ, search.home), f"{search.profile}.credential")
    document = _json_file(path)
    if document is None:
        search.looked.append(f"profile {printable(search.profile)}: {printable(path)} is not there")
        return None
    identity, key = document.get("secretId"), document.get("secretKey")
    if not (isinstance(identity, str) and identity and isinstance(key, str) and key):
        kind = document.get("type")
        hint = f"; its type {printable(str(kind))} is not supported here" if kind else ""
        search.looked.append(f"profile {printable(search.profile)}: {printable(path)} has no plain key{hint}")
        return None
    token = document.get("token")
    return _checked(identity.strip(), key.strip(), token if isinstance(token, str) and token else None, path)


def _ini_files(search: _Search) -> Credential | None:
    chosen = search.environ.get("TENCENTCLOUD_CREDENTIALS_FILE")
    usual = [os.path.join(search.home, ".tencentcloud", "credentials"), "/etc/tencentcloud/credentials"]
    for path in [chosen] if chosen else usual:
        text = _text_file(path)
        if text is None:
            search.looked.append(f"file: {printable(path)} is not there")
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
        return _checked(identity, key, None, path)
    return None


def _machine_role(search: _Search, fetch: Fetch) -> Found | None:
    role = (fetch("") or "").strip()
    text = fetch(role) if role else None
    try:
        document = json.loads(text or "")
        credential = Credential(
            document["TmpSecretId"], document["TmpSecretKey"], document["Token"], "machine role"
        )
        return Found(credential, int(document["ExpiredTime"]))
    except (ValueError, KeyError, TypeError):
        search.looked.append("machine role: this machine has none")
        return None


def _checked(identity: str, key: str, token: str | None, source: str) -> Credential:
    for name, value in (("id", identity), ("key", key)):
        if not value or value != value.strip() or not value.isascii() or not value.isprintable():
            raise CredentialsError(
                f"The credentials cannot be used.\n  {printable(source)}: the secret {name} is empty, or has "
                "blanks around it or characters that no key has."
            )
    return Credential(identity, key, token, source)


def _folder(environ: Mapping[str, str], home: str) -> str:
    return environ.get("TENCENTCLOUD_SHARED_CREDENTIALS_DIR") or os.path.join(home, ".tccli")


def _json_file(path: str) -> dict[str, Any] | None:
    text = _text_file(path)
    if text is None:
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        # Not "from": the parser's error holds the whole text.
        raise CredentialsError(f"A profile file is not JSON.\n  {printable(path)}") from None
    return document if isinstance(document, dict) else {}


def _text_file(path: str) -> str | None:
    """The text of a small file, or None if there is none.

    Raises:
        CredentialsError: it is there and cannot be read.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(1_000_000)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CredentialsError(
            f"A file of credentials cannot be read.\n  {printable(path)}: {reason}"
        ) from None
