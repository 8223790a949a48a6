"""A disk in memory whose power can be cut."""

import os
from dataclasses import dataclass
from itertools import count
from random import Random

from provisioner.store.disk import Disk


@dataclass(eq=False)
class Inode:
    """A file without its name."""

    now: bytes = b""
    durable: bytes = b""


class MemoryDisk(Disk):
    """A disk in memory whose power can be cut: what was not synced may then be gone, or half there."""

    def __init__(self) -> None:
        self._names: dict[str, Inode] = {}
        self._durable_names: dict[str, Inode] = {}
        self._handles: dict[int, Inode] = {}
        self._locked: set[int] = set()
        self._numbers = count(1000)

    def cut_power(self, chance: Random | None = None) -> None:
        """Keep what is durable; of the rest nothing, or by ``chance`` some."""
        self._handles.clear()
        self._locked.clear()
        for path in {*self._names, *self._durable_names}:
            kept = self._names if chance and chance.random() < 0.5 else self._durable_names
            inode = kept.get(path)
            self._durable_names.pop(path, None)
            if inode is not None:
                self._durable_names[path] = inode
        self._names = dict(self._durable_names)
        for inode in self._names.values():
            inode.durable = inode.now = _after_power_cut(inode, chance)

    def read(self, path: str) -> bytes | None:
        """See ``Disk.read``."""
        inode = self._names.get(path)
        return None if inode is None else inode.now

    def create(self, path: str) -> int:
        """See ``Disk.create``."""
        self._names[path] = Inode()
        return self.open(path)

    def open(self, path: str) -> int:
        """See ``Disk.open``."""
        handle = next(self._numbers)
        self._handles[handle] = self._names[path]
        return handle

    def write(self, handle: int, offset: int, data: bytes) -> None:
        """See ``Disk.write``."""
        inode = self._handles[handle]
        inode.now = inode.now[:offset].ljust(offset, b"\0") + data + inode.now[offset + len(data) :]

    def reserve(self, handle: int, offset: int, length: int) -> None:
        """See ``Disk.reserve``."""
        inode = self._handles[handle]
        inode.now = inode.now.ljust(offset + length, b"\0")

    def truncate(self, handle: int, length: int) -> None:
        """See ``Disk.truncate``."""
        inode = self._handles[handle]
        inode.now = inode.now[:length]

    def sync(self, handle: int) -> None:
        """See ``Disk.sync``."""
        inode = self._handles[handle]
        inode.durable = inode.now

    def sync_data(self, handle: int) -> None:
        """See ``Disk.sync_data``."""
        self.sync(handle)

    def sync_folder(self, path: str) -> None:
        """See ``Disk.sync_folder``."""
        folder = os.path.dirname(path)
        for name in {*self._names, *self._durable_names}:
            if os.path.dirname(name) == folder:
                self._durable_names.pop(name, None)
        self._durable_names.update(
            (name, inode) for name, inode in self._names.items() if os.path.dirname(name) == folder
        )

    def rename(self, old: str, new: str) -> None:
        """See ``Disk.rename``."""
        self._names[new] = self._names.pop(old)

    def remove(self, path: str) -> None:
        """See ``Disk.remove``."""
        self._names.pop(path, None)

    def close(self, handle: int) -> None:
        """See ``Disk.close``."""
        inode = self._handles.pop(handle)
        self._locked.discard(id(inode))

    def lock(self, path: str) -> int | None:
        """See ``Disk.lock``."""
        inode = self._names.setdefault(path, Inode())
        if id(inode) in self._locked:
            return None
        self._locked.add(id(inode))
        return self.open(path)

    def is_locked(self, path: str) -> bool:
        """See ``Disk.is_locked``."""
        return id(self._names.get(path)) in self._locked

    def is_named(self, handle: int, path: str) -> bool:
        """See ``Disk.is_named``."""
        return self._names.get(path) is self._handles[handle]

    def identity(self, path: str) -> object:
        """See ``Disk.identity``; a snapshot is never written in place."""
        return self._names.get(path)

    def make_folder(self, path: str) -> None:
        """See ``Disk.make_folder``; there are no folders here."""


def _after_power_cut(inode: Inode, chance: Random | None) -> bytes:
    """Old bytes, new ones, or new ones up to some byte and old ones or holes after it."""
    if chance is None:
        return inode.durable
    cut = chance.choice([0, len(inode.now), chance.randint(0, len(inode.now))])
    rest = inode.durable[cut:]
    if chance.random() < 0.5 and cut < len(inode.now):
        rest = rest.ljust(len(inode.now) - cut, b"\0")
    return inode.now[:cut] + rest
