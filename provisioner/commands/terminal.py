"""What a person sees: standard output is the result, standard error the conversation.

Rule: nothing else prints. A reader that has gone (``| head``) ends neither an apply nor its exit
code; an output that cannot be written for another reason (a full disk) is an error.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from provisioner.core.text import printable_lines
from provisioner.errors import ProvisionerError

if TYPE_CHECKING:
    from rich.progress import Progress


class Terminal:
    """Standard input, output and error of one run."""

    def __init__(self, *, no_color: bool = False, plain: bool = False) -> None:
        self._no_color = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        self._plain = plain
        """For ``--json``: no colour and no progress anywhere."""

        self._gone: set[int] = set()
        self._progress: Progress | None = None

    @property
    def colour(self) -> bool:
        """Whether the result may be coloured."""
        return not self._no_color and not self._plain and _is_terminal(sys.stdout)

    @property
    def interactive(self) -> bool:
        """Whether the conversation goes to a terminal, so that progress may be drawn."""
        return not self._plain and os.environ.get("TERM") != "dumb" and _is_terminal(sys.stderr)

    def result(self, text: str) -> None:
        """Text for standard output; a newline is added unless it has one.

        Raises:
            ProvisionerError: it could not be written, and not because the reader has gone.
        """
        try:
            self._write(sys.stdout, text)
        except OSError as error:
            raise ProvisionerError(f"Standard output cannot be written.\n  {error.strerror}") from error

    def say(self, text: str) -> None:
        """A line of the conversation. Whoever closed standard error does not want it."""
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
            return
        with contextlib.suppress(OSError):
            self._write(sys.stderr, text)

    def error(self, text: str) -> None:
        """An error: whatever it quotes from outside cannot move the cursor or forge a line."""
        red, end = ("\x1b[31m", "\x1b[0m") if self.interactive and not self._no_color else ("", "")
        self.say(f"{red}Error:{end} {printable_lines(text)}")

    def ask(self, question: str) -> str:
        """One line of standard input after a prompt; empty at the end of input."""
        with contextlib.suppress(OSError):
            sys.stderr.write(question)
            sys.stderr.flush()
        try:
            line = sys.stdin.readline() if sys.stdin else ""
        except (OSError, UnicodeDecodeError):
            line = ""
        if not line.endswith("\n") or not _is_terminal(sys.stdin):
            # Nobody's return key ended the prompt's line.
            self.say("")
        return line.strip()

    @contextlib.contextmanager
    def progress(self, total: int, label: str) -> Iterator[Callable[[int], None]]:
        """A bar at the bottom of a terminal while ``with`` lasts; nothing elsewhere.

        Yields a function that takes how many are done.
        """
        if not self.interactive or total < 2:
            yield lambda _: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True, no_color=self._no_color)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(label, total=total)
            self._progress = bar
            try:
                yield lambda done: bar.update(task, completed=done)
            finally:
                self._progress = None

    def _write(self, stream: TextIO | None, text: str) -> None:
        """All of it, now; silently nothing if the reader has gone."""
        if stream is None or id(stream) in self._gone:
            return
        try:
            stream.write(text if text.endswith("\n") else f"{text}\n")
            stream.flush()
        except BrokenPipeError:
            self._gone.add(id(stream))
            # The interpreter flushes once more at exit; that must not fail again.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False
