"""Arguments in, exit code out; the one place that catches errors.

Rule: no decision about tasks is made here. What there is to type is in ``commands.arguments``; only
the module of the command that was asked for is imported, because start-up is what people feel.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from provisioner import __version__

if TYPE_CHECKING:
    from argparse import Namespace

    from provisioner.commands.arguments import Command
    from provisioner.commands.terminal import Terminal

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code; see the tree in ``errors``."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["version"], ["--version"], ["-version"], ["-v"]):
        # Before anything is imported: this is what shells and scripts call most.
        return _print_version()
    return _run(arguments)


def _run(arguments: list[str]) -> int:
    from provisioner.commands.terminal import Terminal
    from provisioner.errors import ProvisionerError

    terminal = Terminal(
        no_color="--no-color" in arguments or "-no-color" in arguments, plain=_is_json(arguments)
    )
    try:
        chosen = _parse(arguments)
        if isinstance(chosen, int):
            return chosen
        command, values = chosen
        return _dispatch(command, terminal, values)
    except ProvisionerError as error:
        terminal.error(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        terminal.say("\nStopped. What is recorded is kept; the next apply looks for what was in flight.")
        return INTERRUPTED


def _is_json(arguments: Sequence[str]) -> bool:
    return "--json" in arguments or "-json" in arguments


def _print_version() -> int:
    try:
        sys.stdout.write(f"provisioner {__version__}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone; the interpreter must not fail on flushing once more at exit.
        sys.stdout = None  # documented as allowed: nothing is printed then
    return 0


# ── parsing ─────────────────────────────────────────────────────────────────


def _parse(arguments: list[str]) -> "tuple[Command, Namespace] | int":
    """The command and its values, or an exit code if the parser has said all there is."""
    from provisioner.commands.arguments import BY_NAME, parser_of

    words = [argument for argument in arguments if not argument.startswith("-")]
    command = BY_NAME.get(" ".join(words[:2])) or BY_NAME.get(words[0] if words else "")
    if command is None:
        return _no_command(arguments, words)
    parser = parser_of(command)
    rest = _without_words(arguments, command.name.split())
    try:
        return command, parser.parse_args(_double_dashed(rest, command))
    except SystemExit as stop:
        # argparse leaves with 2 for wrong arguments; here 2 means "there are changes".
        return 1 if stop.code else 0


def _no_command(arguments: list[str], words: list[str]) -> int:
    from provisioner.commands.arguments import BY_NAME, GROUPS, help_text
    from provisioner.commands.terminal import Terminal
    from provisioner.core.validation import nearest
    from provisioner.errors import UsageError

    group = words[0] if words and words[0] in GROUPS else ""
    asks_for_help = not words or arguments[0] in ("-h", "--help", "-help", "help")
    if asks_for_help or (group and len(words) == 1):
        Terminal().result(help_text(group))
        return 0 if arguments[:1] not in ([], [group]) or set(arguments) & {"-h", "--help", "-help"} else 1
    typed = " ".join(words[:2]) if group else words[0]
    names = (
        [name for name in BY_NAME if name.startswith(f"{group} ")]
        if group
        else [n.split()[0] for n in BY_NAME]
    )
    raise UsageError(
        f'There is no command "{typed}"{nearest(typed, names)}.\n'
        "The commands are listed by:\n  provisioner --help"
    )


def _without_words(arguments: Sequence[str], words: Sequence[str]) -> list[str]:
    """The arguments without the command's own words, wherever flags stand between them."""
    rest, left = [], list(words)
    for argument in arguments:
        if left and argument == left[0]:
            left.pop(0)
        else:
            rest.append(argument)
    return rest


def _double_dashed(arguments: Sequence[str], command: "Command") -> list[str]:
    """``-auto-approve`` as ``--auto-approve``: Terraform's users type one dash."""
    from provisioner.commands.arguments import all_arguments

    known = {name for argument in all_arguments(command) for name in argument.names}
    result = []
    for argument in arguments:
        name = "-" + argument.partition("=")[0]
        single = argument.startswith("-") and not argument.startswith("--")
        result.append(f"-{argument}" if single and (name in known or name == "--help") else argument)
    return result


# ── dispatch ────────────────────────────────────────────────────────────────


def _dispatch(command: "Command", terminal: "Terminal", values: "Namespace") -> int:
    """Call the function of a command with plain values."""
    from provisioner.commands.dispatch import function_of

    return function_of(command.name)(terminal, values)
