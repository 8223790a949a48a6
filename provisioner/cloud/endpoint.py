"""Where the service is, checked before anything signed is sent there.

Rule: signed requests travel over HTTPS, because the vendor's gateway takes nothing else and because
they carry whole task definitions; plain HTTP is for a loopback address only, where the emulator is.
The request path is always ``/`` (Source: the vendor's "Signature Method v3" page), so an endpoint is
a host and perhaps a port, and anything more is a mistake that is named.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import SplitResult, urlsplit

from provisioner.core.text import printable
from provisioner.errors import UsageError

_DEFAULT_PORTS = {"https": 443, "http": 80}
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ADVICE = (
    "Write a host such as wedata.intl.tencentcloudapi.com, https://HOST[:PORT], "
    "or http://127.0.0.1:PORT for a local emulator."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A checked place to send requests to."""

    url: str
    """``scheme://host[:port]/``: what is requested."""

    host: str
    """Lower case; an IPv6 address without its brackets."""

    port: int
    host_header: str
    """The ``Host`` header as it is signed and sent: with the port where it is not the scheme's own."""

    is_loopback: bool
    """Whether it is this machine: then no proxy is in the way and no account is touched."""

    def __str__(self) -> str:
        """The endpoint as it is shown to people and kept in plans."""
        return self.url.rstrip("/")


def parse_endpoint(text: str) -> Endpoint:
    """The endpoint that was written.

    Args:
        text: a bare host (HTTPS), ``https://host[:port]``, or ``http://loopback[:port]``.

    Raises:
        UsageError: it is none of these; nothing was sent.
    """
    parts = _split(text)
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise _wrong(text, f"the scheme is {scheme}")
    _ensure_bare(text, parts)
    host = _host(text, parts)
    port = _port(text, parts) or _DEFAULT_PORTS[scheme]
    is_loopback = _is_loopback(host)
    if scheme == "http" and not is_loopback:
        raise _wrong(text, "plain HTTP is allowed for a loopback address only")
    shown = f"[{host}]" if ":" in host else host
    host_header = shown if port == _DEFAULT_PORTS[scheme] else f"{shown}:{port}"
    return Endpoint(
        url=f"{scheme}://{host_header}/",
        host=host,
        port=port,
        host_header=host_header,
        is_loopback=is_loopback,
    )


def _split(text: str) -> SplitResult:
    # urlsplit drops tabs and newlines without a word, so they are refused before it sees them.
    if not text.isascii() or not text.isprintable() or " " in text:
        raise _wrong(text, "it holds a blank, a control character or a letter outside ASCII")
    try:
        return urlsplit(text if _SCHEME.match(text) else f"https://{text}")
    except ValueError as error:
        raise _wrong(text, "the brackets of an IPv6 address do not fit") from error


def _ensure_bare(text: str, parts: SplitResult) -> None:
    if "@" in parts.netloc:
        # Not shown: what stands before the @ may be a password.
        raise UsageError(f"The endpoint cannot be used.\n  It holds a user name.\n{_ADVICE}")
    if parts.path not in ("", "/"):
        raise _wrong(text, "it holds a path")
    if "?" in text or "#" in text:
        raise _wrong(text, "it holds a query or a fragment")


def _host(text: str, parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not host:
        raise _wrong(text, "there is no host in it")
    if parts.netloc.startswith("["):
        try:
            # Not with a zone (``%eth0``): it means something on this machine only.
            return str(IPv6Address(host.replace("%", " ")))
        except AddressValueError as error:
            raise _wrong(text, "what is in the brackets is not an IPv6 address") from error
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise _wrong(text, "that is not a host name")
    if host.rpartition(".")[2].isdigit():
        return _ipv4(text, host)
    return host


def _ipv4(text: str, host: str) -> str:
    """A host whose last label is a number is an address or nothing (RFC 3986 section 3.2.2, RFC 1123)."""
    try:
        return str(IPv4Address(host))
    except AddressValueError as error:
        raise _wrong(text, "that is not an IPv4 address") from error


def _port(text: str, parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError as error:
        raise _wrong(text, "the port is not a number from 1 to 65535") from error
    if port == 0 or (port is None and parts.netloc.endswith(":")):
        raise _wrong(text, "the port is not a number from 1 to 65535")
    return port


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return (IPv6Address(host) if ":" in host else IPv4Address(host)).is_loopback
    except AddressValueError:
        return False


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(f"The endpoint cannot be used.\n  {printable(text)!r}: {why}.\n{_ADVICE}")
