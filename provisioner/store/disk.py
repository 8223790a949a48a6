"""What is asked of the file system, one call a promise.

Rule: nothing else in the program makes a byte of state durable. Every method either does what it
says or raises ``OSError``; none repeats a failed sync, because after a failed fsync the kernel may
have dropped the data and a second one reports success.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from provisioner.core.text import printable
from provisioner.errors import StateError

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OWNER_ONLY = 0o600


class Disk:
    """The real file system. Handles are file descriptors; files are for their owner only."""

    def read(self, path: str) -> bytes | None:
        """The whole file, or None if there is none.

        Raises:
            OSError: it is there and cannot be read, or it is not a regular file, or it is a link to
                something that is not there: what it led to is lost, which is not the same as none.
        """
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            if os.path.islink(path):
                raise OSError(errno.ENOENT, "it is a link to something that is not there", path) from None
            return None
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            with os.fdopen(handle, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(handle)

    def create(self, path: str) -> int:
        """A new file for writing, mode 0600; a file or link left there is removed first."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return _for_its_owner(os.open(path, _NEW, _OWNER_ONLY))

    def open(self, path: str) -> int:
        """An existing file for writing."""
        return os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def write(self, handle: int, offset: int, data: bytes) -> None:
        """All of ``data`` at ``offset``, however many writes it takes."""
        view = memoryview(data)
        while view:
            written = os.pwrite(handle, view, offset)
            view, offset = view[written:], offset + written

    def reserve(self, handle: int, offset: int, length: int) -> None:
        """Make sure that ``length`` bytes at ``offset`` can be written; they read as NUL until then."""
        if length > 0:
            os.posix_fallocate(handle, offset, length)

    def truncate(self, handle: int, length: int) -> None:
        """Cut a file."""
        os.ftruncate(handle, length)

    def sync(self, handle: int) -> None:
        """Make the file's content durable."""
        os.fsync(handle)

    def sync_data(self, handle: int) -> None:
        """Make the file's content durable, its times perhaps not."""
        os.fdatasync(handle)

    def sync_folder(self, path: str) -> None:
        """Make the names in the folder of ``path`` durable."""
        handle = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, old: str, new: str) -> None:
        """Put a file in another's place at once."""
        os.replace(old, new)

    def remove(self, path: str) -> None:
        """Remove a file; none there is fine."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    def close(self, handle: int) -> None:
        """Give a handle back."""
        os.close(handle)

    def lock(self, path: str) -> int | None:
        """A handle that holds the lock file, or None if somebody else does.

        The program never renames or removes the file. If somebody else does, the lock on it locks
        nothing: see ``is_named``.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = _for_its_owner(os.open(path, flags, _OWNER_ONLY))
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.is_named(handle, path):
                return handle
        except BlockingIOError:
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        return None

    def is_locked(self, path: str) -> bool:
        """Whether somebody holds the lock on a file; looking needs no right to write it."""
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def is_named(self, handle: int, path: str) -> bool:
        """Whether a path still leads to the file that a handle is of."""
        try:
            there, ours = os.stat(path, follow_symlinks=False), os.fstat(handle)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def identity(self, path: str) -> object:
        """Equal for the same file, left as it is; None if there is none."""
        try:
            found = os.stat(path, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it; one that is there is fine."""
        os.makedirs(path, exist_ok=True)


def _for_its_owner(handle: int) -> int:
    """A file that was just made, readable for its owner also where the umask took that away."""
    if os.fstat(handle).st_mode & _OWNER_ONLY != _OWNER_ONLY:
        os.fchmod(handle, _OWNER_ONLY)
    return handle


def write_atomic(disk: Disk, path: str, data: bytes) -> None:
    """Put ``data`` at ``path`` durably: afterwards the file is the old one or the new one, whole.

    Raises:
        OSError: the old file is as it was.
    """
    temporary = f"{path}.tmp"
    handle = disk.create(temporary)
    try:
        try:
            disk.write(handle, 0, data)
            disk.sync(handle)
        finally:
            disk.close(handle)
        disk.rename(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            disk.remove(temporary)
        raise
    disk.sync_folder(path)


@contextmanager
def translated(verb: str, name: str) -> Iterator[None]:
    """An error of the file system as one of the state.

    Args:
        verb: what was tried: ``read``, ``write``, ``lock`` …
        name: the file, where the error names none.

    Raises:
        StateError: what could not be done, why, and what to do about it.
    """
    try:
        yield
    except OSError as error:
        shown = printable(name if error.filename is None else os.fsdecode(error.filename))
        reason = f"cannot {verb} {shown}: {error.strerror}{_advice(error, verb)}"
        raise StateError(f"The state could not be kept on disk.\n  {reason}") from error


def _advice(error: OSError, verb: str) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "\nMake room on the disk and run the command again."
        case errno.ENOENT if verb == "read":
            return "\nPut back what the link leads to, or remove the link if nothing was ever applied here."
        case errno.ELOOP:
            return "\nA link stands where a file of the program belongs, or leads in a circle: remove it."
        case errno.EACCES | errno.EPERM if verb == "read":
            return "\nThe file must be readable for the user who runs this."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "\nThe folder must be writable for the user who runs this."
        case _:
            return ""
