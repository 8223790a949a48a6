"""A disk whose operations are watched, and one of them that goes wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from provisioner.store.disk import Disk


class Around(Protocol):
    """What is done about one operation of the disk."""

    def __call__(self, name: str, act: Callable[[], Any], half: Callable[[], object]) -> Any:
        """Do it with ``act``, or a part of it with ``half``, or raise."""
        ...


class WatchedDisk(Disk):
    """A disk whose every operation goes through ``around``. Knows which handles are open."""

    def __init__(self, around: Around, disk: Disk | None = None) -> None:
        self._around = around
        self._disk = disk or Disk()
        self._handles: set[int] = set()

    def release(self) -> None:
        """Close what is still open, as the end of a process would."""
        for handle in self._handles:
            self._disk.close(handle)
        self._handles.clear()

    def read(self, path: str) -> bytes | None:
        """See ``Disk.read``."""
        found: bytes | None = self._do("read", lambda: self._disk.read(path))
        return found

    def create(self, path: str) -> int:
        """See ``Disk.create``."""
        return self._opened("create", lambda: self._disk.create(path))

    def open(self, path: str) -> int:
        """See ``Disk.open``."""
        return self._opened("open", lambda: self._disk.open(path))

    def write(self, handle: int, offset: int, data: bytes) -> None:
        """See ``Disk.write``; half of it is the first half of the bytes."""
        self._around(
            "write",
            lambda: self._disk.write(handle, offset, data),
            lambda: self._disk.write(handle, offset, data[: len(data) // 2]),
        )

    def reserve(self, handle: int, offset: int, length: int) -> None:
        """See ``Disk.reserve``."""
        self._do("reserve", lambda: self._disk.reserve(handle, offset, length))

    def truncate(self, handle: int, length: int) -> None:
        """See ``Disk.truncate``."""
        self._do("truncate", lambda: self._disk.truncate(handle, length))

    def sync(self, handle: int) -> None:
        """See ``Disk.sync``."""
        self._do("sync", lambda: self._disk.sync(handle))

    def sync_data(self, handle: int) -> None:
        """See ``Disk.sync_data``."""
        self._do("sync_data", lambda: self._disk.sync_data(handle))

    def sync_folder(self, path: str) -> None:
        """See ``Disk.sync_folder``."""
        self._do("sync_folder", lambda: self._disk.sync_folder(path))

    def rename(self, old: str, new: str) -> None:
        """See ``Disk.rename``."""
        self._do("rename", lambda: self._disk.rename(old, new))

    def remove(self, path: str) -> None:
        """See ``Disk.remove``."""
        self._do("remove", lambda: self._disk.remove(path))

    def close(self, handle: int) -> None:
        """See ``Disk.close``."""

        def act() -> None:
            self._handles.discard(handle)
            self._disk.close(handle)

        self._do("close", act)

    def lock(self, path: str) -> int | None:
        """See ``Disk.lock``."""

        def act() -> int | None:
            handle = self._disk.lock(path)
            if handle is not None:
                self._handles.add(handle)
            return handle

        handle: int | None = self._do("lock", act)
        return handle

    def is_locked(self, path: str) -> bool:
        """See ``Disk.is_locked``; looking is no effect."""
        return self._disk.is_locked(path)

    def is_named(self, handle: int, path: str) -> bool:
        """See ``Disk.is_named``; looking is no effect."""
        return self._disk.is_named(handle, path)

    def identity(self, path: str) -> object:
        """See ``Disk.identity``; looking is no effect."""
        return self._disk.identity(path)

    def make_folder(self, path: str) -> None:
        """See ``Disk.make_folder``."""
        self._do("make_folder", lambda: self._disk.make_folder(path))

    def _do(self, name: str, act: Callable[[], Any]) -> Any:
        return self._around(name, act, lambda: None)

    def _opened(self, name: str, act: Callable[[], int]) -> int:
        def noted() -> int:
            handle = act()
            self._handles.add(handle)
            return handle

        handle: int = self._do(name, noted)
        return handle


class When(StrEnum):
    """How much of an operation has happened when it goes wrong."""

    BEFORE = "nothing of it is done"
    HALF = "a write is half done"
    AFTER = "it is done"


@dataclass
class Trouble:
    """The n-th operation goes wrong. Used as the ``around`` of a ``WatchedDisk``."""

    at: int
    """Counts from 1; 0: none."""

    raises: Callable[[], BaseException]
    when: When = When.BEFORE
    for_ever: bool = False
    """So does every one after it, without being done."""

    names: list[str] = field(default_factory=list)
    """Operations so far."""

    @property
    def has_struck(self) -> bool:
        """Whether it came that far."""
        return 0 < self.at <= len(self.names)

    def __call__(self, name: str, act: Callable[[], Any], half: Callable[[], object] = lambda: None) -> Any:
        """See ``Around``."""
        self.names.append(name)
        if not self.has_struck or (len(self.names) > self.at and not self.for_ever):
            return act()
        if len(self.names) == self.at:
            {When.BEFORE: lambda: None, When.HALF: half, When.AFTER: act}[self.when]()
        raise self.raises()
