"""Where the calls go.

Rule: https, or http to this very machine. An endpoint is a host, never a path, and never carries a
name or a password.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from provisioner.core.text import printable
from provisioner.errors import UsageError

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A place that takes calls."""

    url: str
    """``https://host[:port]/``."""

    host: str
    """The Host header: with the port unless it is the scheme's own."""


def parse_endpoint(text: str) -> Endpoint:
    """A host name, or ``https://host[:port]``, or ``http://`` to a loopback address.

    Raises:
        UsageError: anything else; says what can be written.
    """
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port
    except ValueError as error:
        raise _refused(text, "it is not an address") from error
    host = parts.hostname or ""
    if parts.scheme not in _PORTS:
        raise _refused(text, f"{printable(parts.scheme)} is not supported")
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "endpoint cannot be used: it has a name or a password in it.\nCredentials never go there."
        )
    if not host or parts.path not in ("", "/") or parts.query or parts.fragment or not _is_host(host):
        raise _refused(text, "it must be a host, with a port at the most")
    if parts.scheme == "http" and not _is_loopback(host):
        raise _refused(text, "http is for this machine only, because the calls would be readable on the way")
    if port == 0:
        raise _refused(text, "0 is not a port")
    shown = f"[{host}]" if ":" in host else host
    name = shown if port is None or port == _PORTS[parts.scheme] else f"{shown}:{port}"
    return Endpoint(f"{parts.scheme}://{name}/", name)


def _is_host(host: str) -> bool:
    if ":" in host:
        return _is_address(host)
    return host.isascii() and all(
        part and part.replace("-", "").replace("_", "").isalnum() for part in host.split(".")
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _refused(text: str, why: str) -> UsageError:
    return UsageError(
        f"endpoint cannot be used: {why}.\n  {printable(text)}\n"
        "Write embedded, a host such as wedata.intl.tencentcloudapi.com, or http://127.0.0.1:PORT."
    )
