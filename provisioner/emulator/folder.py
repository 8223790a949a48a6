"""The data folder, held by one emulator at a time.

Rule: an emulator keeps its tasks in memory, so a second one on the same folder would not see them and
would write over them. The lock is the kernel's: it ends with the process, however that ends. The file
is never removed, because a lock on a removed file locks nothing.
"""

import fcntl
import os
from datetime import UTC, datetime

from provisioner.core.text import printable

_LOCK = "lock"
_OWNER_ONLY = 0o600
_WHO_THAT_MAY_BE = (
    "That is an apply with the embedded emulator, or a `provisioner emulator`.\n"
    "Wait until it has ended, or use another folder."
)


class FolderError(Exception):
    """The data folder cannot be used. The text names it, says why, and what can be done."""

    def __init__(self, folder: str, reason: str, advice: str = "") -> None:
        super().__init__(f"{printable(folder)}: {printable(reason)}." + (f"\n{advice}" if advice else ""))


class Folder:
    """A folder that is this process's alone until ``close``; made if it is not there."""

    def __init__(self, path: str) -> None:
        """Take it.

        Raises:
            FolderError: another emulator has it, or it cannot be used.
        """
        self.path = path
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
            self._handle = self.open(_LOCK)
        except OSError as error:
            raise FolderError(path, error.strerror or str(error)) from error
        try:
            self._take()
        except BlockingIOError as error:
            holder = os.pread(self._handle, 200, 0).decode("ascii", "replace") or "it has just started"
            self.close()
            raise FolderError(path, f"another emulator has it ({holder})", _WHO_THAT_MAY_BE) from error
        except OSError as error:
            self.close()
            raise FolderError(path, error.strerror or str(error)) from error

    def _take(self) -> None:
        """Lock, and say for others who has it."""
        fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        holder = f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, holder.encode(), 0)

    def open(self, name: str) -> int:
        """A handle of a file in it, which is made such that nobody else can ever read it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(os.path.join(self.path, name), flags, _OWNER_ONLY)
        if os.fstat(handle).st_mode & _OWNER_ONLY != _OWNER_ONLY:
            # Just made, and the umask took from its owner what is the owner's.
            os.fchmod(handle, _OWNER_ONLY)
        return handle

    def close(self) -> None:
        """Leave it to others."""
        os.close(self._handle)
