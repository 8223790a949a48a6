"""A disk that knows what is durable, and a process on it that may end at any operation.

Rule: between two runs the disk is a value: it can be copied, so that many schedules go on from one
point, and has a fingerprint, so that equal disks are gone on from once. At a power cut every name
that was not synced is the old one or the new one, and all that was not synced of a file is lost,
torn in the middle, full of holes, or there.
"""

import errno
import os
from collections.abc import Callable
from typing import Any

from fakes.disk import Inode, MemoryDisk
from simulation.choices import Choices


class Killed(BaseException):
    """The process is dead: nothing may catch this and go on."""


class PowerCut(BaseException):
    """So is every process on the machine, and what was not synced is in doubt."""


class SimulatedDisk(MemoryDisk):
    """The disk of the machine."""

    is_off = False
    """Whether the power was cut: no process does anything any more."""

    locks = True
    """Whether a lock keeps others out; it does not on every network file system."""

    def copy(self) -> "SimulatedDisk":
        """Another disk with the same content; nothing is open, and temporary files mean nothing."""
        twin = SimulatedDisk()
        inodes = {
            inode: Inode(inode.now, inode.durable)
            for inode in {*self._names.values(), *self._durable_names.values()}
        }
        twin._names = {path: inodes[inode] for path, inode in self._names.items() if _counts(path)}
        twin._durable_names = {
            path: inodes[inode] for path, inode in self._durable_names.items() if _counts(path)
        }
        return twin

    def durable(self) -> "SimulatedDisk":
        """A disk on which nothing is that was not synced."""
        twin = self.copy()
        twin.cut_power()
        return twin

    def fingerprint(self) -> object:
        """Equal for disks that behave the same."""
        names, durable = self._names, self._durable_names
        return tuple(
            (
                path,
                *_content(names.get(path)),
                *_content(durable.get(path)),
                names.get(path) is durable.get(path),
            )
            for path in sorted({*names, *durable})
            if _counts(path)
        )

    def cut(self, choices: Choices) -> None:
        """Cut the power; what becomes of what was not synced is chosen."""
        kept: dict[str, Inode] = {}
        for path in sorted({*self._names, *self._durable_names}):
            new, old = self._names.get(path), self._durable_names.get(path)
            inode = old if new is old or not _counts(path) or not choices.variant(2) else new
            if inode is not None:
                kept[path] = inode
        self._names, self._durable_names = dict(kept), kept
        self._handles.clear()
        self._locked.clear()
        for inode in kept.values():
            if inode.now != inode.durable:
                inode.now = inode.durable = _remains(inode, choices)
        self.is_off = False

    def lock(self, path: str) -> int | None:
        """See ``Disk.lock``."""
        if not self.locks:
            self._locked.clear()
        return super().lock(path)

    def content(self, path: str) -> bytes | None:
        """What a person sees who looks into a file."""
        return self.read(path)

    def put(self, path: str, data: bytes | None) -> None:
        """What a person does to a file, and it stays so."""
        self._names.pop(path, None)
        self._durable_names.pop(path, None)
        if data is not None:
            self._names[path] = self._durable_names[path] = Inode(data, data)


def _counts(path: str) -> bool:
    return not path.endswith(".tmp")


def _content(inode: Inode | None) -> tuple[bytes | None, bytes | None]:
    return (None, None) if inode is None else (inode.now, inode.durable)


def _remains(inode: Inode, choices: Choices) -> bytes:
    """Lost, the first half of what is new, the second half of it, or all of it."""
    now, durable = inode.now, inode.durable
    first, last = _changed(now, durable)
    middle = (first + last) // 2
    return (
        durable,
        now[:middle] + durable[middle:],
        durable[:middle].ljust(middle, b"\0") + now[middle:],
        now,
    )[choices.variant(4)]


def _changed(one: bytes, other: bytes) -> tuple[int, int]:
    """From where to where two contents differ, for all that matters: up to the end of what is not NUL."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low, max(len(one.rstrip(b"\0")), len(other.rstrip(b"\0")), low)


# ── a process ───────────────────────────────────────────────────────────────

_HARMLESS = frozenset({"read", "close", "make_folder"})
"""Dying before one of these is dying before the next one that does something."""

_ERRORS = {"write": errno.ENOSPC, "reserve": errno.ENOSPC, "create": errno.ENOSPC}


class Perils:
    """What may happen to one process at an operation of the disk. The ``around`` of a ``WatchedDisk``."""

    def __init__(self, disk: SimulatedDisk, choices: Choices, note: Callable[[str], None]) -> None:
        self._disk = disk
        self._choices = choices
        self._note = note
        self._is_dead = False

    def __call__(self, name: str, act: Callable[[], Any], half: Callable[[], object]) -> Any:
        """See ``Around``."""
        self.ensure_alive()
        if name in _HARMLESS or not self._choices.left:
            return act()
        chosen = self._choices.fault(5 if name == "write" else 4)
        if chosen == 1:
            self.kill(f"before {name}")
        elif chosen == 2:
            self.cut_power(f"before {name}")
        elif chosen == 3:
            self._note(f"error at {name}")
            code = _ERRORS.get(name, errno.EIO)
            raise OSError(code, os.strerror(code))
        elif chosen == 4:
            half()
            self.kill(f"in the middle of {name}")
        return act()

    def ensure_alive(self) -> None:
        """What the dead may not do, they do not."""
        if self._disk.is_off:
            raise PowerCut
        if self._is_dead:
            raise Killed

    def kill(self, when: str) -> None:
        """End this process."""
        self._note(f"killed {when}")
        self._is_dead = True
        raise Killed

    def cut_power(self, when: str) -> None:
        """End every process."""
        self._note(f"power cut {when}")
        self._disk.is_off = True
        raise PowerCut
