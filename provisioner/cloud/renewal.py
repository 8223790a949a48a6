"""Credentials kept fresh: temporary ones are fetched anew before they expire.

Rule: a credential that is still good is used, whatever became of the attempt to replace it. Only when
its time is over, or when there never was a good one, is that an error.
"""

import threading
from collections.abc import Callable
from typing import Protocol

from provisioner.cloud.credentials import Found
from provisioner.core.api.signing import Credential
from provisioner.core.text import printable
from provisioner.core.times import utc_text
from provisioner.errors import CredentialsError

_REFRESH_SECONDS = 300
"""Temporary credentials with less left than this are fetched anew, as the vendor's SDK does."""

_PAUSE_SECONDS = 30
"""Between two attempts to replace one that is still good."""


class Credentials(Protocol):
    """What signs; may be used by several threads."""

    def current(self) -> Credential:
        """The credential to sign with now.

        Raises:
            CredentialsError: a temporary one expired and no new one is to be had.
        """
        ...

    def renewed(self) -> Credential:
        """The credential after its token was refused: looked for anew if it has one.

        Raises:
            CredentialsError: none is to be had.
        """
        ...


class CredentialProvider:
    """Hands out what a search finds; see ``Credentials``."""

    def __init__(self, find: Callable[[], Found], now: Callable[[], float]) -> None:
        """Search once.

        Args:
            find: the search, as ``find_credential`` does it.
            now: Unix seconds.

        Raises:
            CredentialsError: nothing was found, or it has expired.
        """
        self._find = find
        self._now = now
        self._lock = threading.Lock()
        self._paused_until = float("-inf")
        self._found = self._search()

    def current(self) -> Credential:
        """See ``Credentials``."""
        with self._lock:
            expires, now = self._found.expires, self._now()
            if expires is None:
                return self._found.credential
            if now >= expires:
                self._found = self._search()
            elif expires - now <= _REFRESH_SECONDS and now >= self._paused_until:
                self._try_to_replace()
            return self._found.credential

    def renewed(self) -> Credential:
        """See ``Credentials``."""
        with self._lock:
            if self._found.credential.token is not None:
                self._found = self._search()
            return self._found.credential

    def _try_to_replace(self) -> None:
        self._paused_until = self._now() + _PAUSE_SECONDS
        try:
            self._found = self._search()
        except CredentialsError:
            return

    def _search(self) -> Found:
        found = self._find()
        if found.expires is not None and found.expires <= self._now():
            raise CredentialsError(
                f"The credentials have expired.\n  {printable(found.credential.source)}: they were good until"
                f" {utc_text(found.expires)}.\nGet new ones; if they are new, this machine's clock is wrong."
            )
        return found
