"""Bodies that are read when somebody asks for them.

Rule: a plan of tasks that did not change looks at no body, and bodies are nearly all there is to
read. So a body may be given as the bytes that it stands in; whoever asks for it gets the body.
"""

import json
from typing import NamedTuple, Never, cast, overload

from provisioner.core.json_types import JSONObject
from provisioner.errors import StateDamagedError


class Unread(NamedTuple):
    """A body as it stands in a text."""

    name: str
    """Of the text, for messages."""

    whole: bytes
    begin: int
    end: int

    @property
    def text(self) -> bytes:
        """Its JSON, with its braces."""
        return self.whole[self.begin : self.end]

    def read(self) -> JSONObject:
        """The body.

        Raises:
            StateDamagedError: it is none, though the checksum of the text fits.
        """
        try:
            return cast("JSONObject", json.loads(self.text))
        except (ValueError, RecursionError) as error:
            raise StateDamagedError(
                f"The state file is damaged.\n  {self.name}: the spec at byte {self.begin} is not JSON\n"
                "Put the file back from git or a backup."
            ) from error


class Body:
    """A field of a frozen dataclass that holds a body, read or not yet."""

    def __set_name__(self, owner: type, name: str) -> None:
        """Where the instance keeps it."""
        self._held = _kept_as(name)

    @overload
    def __get__(self, instance: None, owner: type) -> Never: ...

    @overload
    def __get__(self, instance: object, owner: type) -> JSONObject: ...

    def __get__(self, instance: object | None, owner: type) -> JSONObject:
        """The body; read now if it was not, and kept."""
        if instance is None:
            # So a dataclass sees that the field has no default.
            raise AttributeError(self._held)
        body: JSONObject | Unread = getattr(instance, self._held)
        if isinstance(body, Unread):
            body = body.read()
            self.__set__(instance, body)
        return body

    def __set__(self, instance: object, body: JSONObject | Unread) -> None:
        """For ``__init__``; a frozen dataclass lets nobody else come here."""
        object.__setattr__(instance, self._held, body)


def held(instance: object, name: str) -> JSONObject | Unread:
    """What the field of this name holds, without reading it."""
    return cast("JSONObject | Unread", getattr(instance, _kept_as(name)))


def _kept_as(name: str) -> str:
    return f"_{name}"
