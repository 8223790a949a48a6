"""What a person sees: standard output is the result, standard error the conversation.

Rule: nothing else prints. A reader that has gone (``| head``) ends neither an apply nor its exit
code; a result that cannot be written for another reason (a full disk, no standard output) is an
error. No text is beyond an output's encoding: what it lacks is written as an escape.
"""

import contextlib
import io
import json
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

    def __init__(self, *, no_color: bool = False, as_json: bool = False) -> None:
        self._no_color = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        self._as_json = as_json
        """No colour and no progress anywhere; one document on standard output, also for an error."""

        self._has_result = False
        self._gone: set[int] = set()
        self._progress: Progress | None = None
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            _never_refuse(stream)

    @property
    def colour(self) -> bool:
        """Whether the result may be coloured."""
        return not self._no_color and not self._as_json and _is_terminal(sys.stdout)

    @property
    def interactive(self) -> bool:
        """Whether the conversation goes to a terminal, so that progress may be drawn."""
        return not self._as_json and os.environ.get("TERM") != "dumb" and _is_terminal(sys.stderr)

    def result(self, text: str) -> None:
        """Text for standard output; a newline is added unless it has one.

        Raises:
            ProvisionerError: it could not be written, and not because the reader has gone.
        """
        self._has_result = True
        if sys.stdout is None:
            raise ProvisionerError("Standard output cannot be written.\n  It is closed.")
        try:
            self._write(sys.stdout, text)
        except OSError as error:
            raise ProvisionerError(f"Standard output cannot be written.\n  {error.strerror}") from error

    def document(self, text: str) -> None:
        """JSON for standard output: what its encoding lacks is written as JSON's own escape.

        Raises:
            ProvisionerError: see ``result``.
        """
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        try:
            # Every encoding that Python writes texts in has ASCII.
            if not text.isascii():
                text.encode(encoding)
        except UnicodeEncodeError:
            text = "".join(char if char.isascii() else json.dumps(char)[1:-1] for char in text)
        self.result(text)

    def say(self, text: str) -> None:
        """Lines of the conversation: what they quote from outside cannot move the cursor or forge a line.

        Whoever closed standard error does not want it.
        """
        self._say(printable_lines(text))

    def error(self, error: ProvisionerError) -> None:
        """An error in words, and with ``--json`` as the one document of this run."""
        red, end = ("\x1b[31m", "\x1b[0m") if self.interactive and not self._no_color else ("", "")
        self._say(f"{red}Error:{end} {printable_lines(str(error))}")
        if self._as_json and not self._has_result:
            # If not even this can be written, the words have said what there is to say.
            with contextlib.suppress(ProvisionerError):
                self.document(json.dumps(_error_document(error), indent=2))

    def ask(self, question: str) -> str:
        """One line of standard input after a prompt; empty at the end of input."""
        with contextlib.suppress(OSError):
            self._write(sys.stderr, question, end="")
        try:
            line = sys.stdin.readline() if sys.stdin else ""
        except OSError:
            line = ""
        if not line.endswith("\n") or not _is_terminal(sys.stdin):
            # Nobody's return key ended the prompt's line.
            self.say("")
        return line.strip()

    @contextlib.contextmanager
    def progress(self, total: int, label: str) -> Iterator[Callable[[int], None]]:
        """A bar at the bottom of a terminal while ``with`` lasts; nothing elsewhere, nor while there is one.

        Yields a function that takes how many are done.
        """
        if not self.interactive or total < 2 or self._progress is not None:
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

    def _say(self, text: str) -> None:
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
            return
        with contextlib.suppress(OSError):
            self._write(sys.stderr, text)

    def _write(self, stream: TextIO | None, text: str, end: str = "\n") -> None:
        """All of it, now; silently nothing if the reader has gone."""
        if stream is None or id(stream) in self._gone:
            return
        try:
            stream.write(text if text.endswith(end) else f"{text}{end}")
            stream.flush()
        except BrokenPipeError:
            self._gone.add(id(stream))
            # The interpreter flushes once more at exit; that must not fail again.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _error_document(error: ProvisionerError) -> dict[str, object]:
    kind = type(error).__name__
    return {
        "format_version": "1.0",
        "error": {"kind": kind, "message": str(error), "exit_code": error.exit_code},
    }


def _never_refuse(stream: TextIO | None) -> None:
    """Let a stream take or give any text, whatever its encoding."""
    if isinstance(stream, io.TextIOWrapper):
        with contextlib.suppress(io.UnsupportedOperation):  # something was read from it already
            stream.reconfigure(errors="backslashreplace")


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False
