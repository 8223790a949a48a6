"""Arguments in, exit code out; the one place that catches errors.

Rule: no decision about tasks is made here. What there is to type is in ``commands.parsing.arguments``, what
was typed is understood in ``commands.parsing.parser``; only the module of the command that was asked
for is imported, because start-up is what people feel.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from provisioner import __version__

if TYPE_CHECKING:
    from provisioner.commands.parsing.parser import Typed
    from provisioner.commands.terminal import Terminal

_VERSION = (["version"], ["--version"], ["-version"], ["-v"])
_HELP = (["help"], ["--help"], ["-help"], ["--h"], ["-h"])


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code; see the tree in ``errors``."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Before much is imported: this is what shells, scripts and people who are new here call most.
    if arguments in _VERSION:
        return _print(f"provisioner {__version__}\n", otherwise="version")
    if arguments in _HELP:
        from provisioner.commands.parsing.arguments import help_text

        return _print(f"{help_text()}\n", otherwise="help")
    if arguments[:1] == ["__complete"]:
        return _complete(arguments[1:])
    return _run(arguments)


def _run(arguments: list[str]) -> int:
    from provisioner.commands.parsing.parser import take_apart
    from provisioner.commands.terminal import Terminal
    from provisioner.errors import InterruptedRunError, ProvisionerError

    typed = take_apart(arguments)
    terminal = Terminal(no_color=typed.is_on("--no-color"), as_json=typed.is_on("--json"))
    try:
        return _answer(typed, terminal)
    except ProvisionerError as error:
        terminal.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        terminal.error(
            InterruptedRunError(
                "Stopped.\nWhat is recorded is kept; the next apply looks for what was in flight."
            )
        )
        return InterruptedRunError.exit_code


def _answer(typed: "Typed", terminal: "Terminal") -> int:
    """Give the help that was asked for, or call the function of the command with plain values."""
    from provisioner.commands.dispatch import function_of
    from provisioner.commands.parsing.arguments import GROUPS
    from provisioner.commands.parsing.parser import command_of, help_for, values_of

    is_no_command = not typed.words or (len(typed.words) == 1 and typed.words[0] in GROUPS)
    if typed.asks_for_help or is_no_command:
        terminal.result(help_for(typed))
        return 0 if typed.asks_for_help else 1
    command = command_of(typed.words)
    return function_of(command.name)(terminal, values_of(command, typed))


def _complete(words: list[str]) -> int:
    """What a shell asks when a person presses TAB; see ``commands.completion``."""
    from provisioner.commands.completion import candidates
    from provisioner.commands.terminal import Terminal

    if found := candidates(words):
        Terminal().result("\n".join(found))
    return 0


def _print(text: str, *, otherwise: str) -> int:
    """Print ASCII text; where that fails, the command that fails in the usual words is run."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone; the interpreter must not fail on flushing once more at exit.
        sys.stdout = None  # documented as allowed: nothing is printed then
    except (OSError, AttributeError):
        # It cannot be written, or there is no standard output at all: say so as every command does.
        return _run([otherwise])
    return 0
