"""What was typed, taken apart and understood: a command, and a value for everything it takes.

Rule: a flag means the same wherever it stands, before the command, after it or between its words,
with one dash or two, with ``=`` or without; whether it takes a value is looked up in the table of
arguments. ``--`` ends the flags. argparse is left with what it does well: operands and defaults.
"""

import os
import re
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from provisioner.commands.parsing.arguments import (
    BY_NAME,
    COMMON,
    GROUPS,
    Argument,
    Command,
    all_arguments,
    find_flag,
    help_text,
    project_arguments,
)
from provisioner.core.schema.validation import nearest
from provisioner.core.text import printable
from provisioner.errors import UsageError

if TYPE_CHECKING:
    from provisioner.commands.project.project import Options

_HELP = ("--help", "--h")
_NEGATIVE = re.compile(r"-\.?[0-9]")
_UNITS = {"s": 1, "m": 60, "h": 3600}
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag that was typed."""

    typed: str
    """As it was typed, without its value."""

    value: str | None
    """None if none was given."""

    @property
    def name(self) -> str:
        """With two dashes, as it stands in the table."""
        return self.typed if self.typed.startswith("--") else f"-{self.typed}"


@dataclass(frozen=True, slots=True)
class Typed:
    """Everything that was typed."""

    words: tuple[str, ...]
    """What is no flag and no flag's value, in order: the command and its operands."""

    flags: tuple[Flag, ...]
    """In order."""

    def is_on(self, name: str) -> bool:
        """Whether a switch was given; the last one counts."""
        given = [flag.value for flag in self.flags if flag.name == name]
        return bool(given) and _TRUTHS.get((given[-1] or "true").lower(), True)

    @property
    def asks_for_help(self) -> bool:
        """By the word or with a flag."""
        return self.words[:1] == ("help",) or any(flag.name in _HELP for flag in self.flags)

    @property
    def topic(self) -> tuple[str, ...]:
        """The words without ``help``: ``help plan`` asks what ``plan --help`` asks."""
        return self.words[1:] if self.words[:1] == ("help",) else self.words


def take_apart(arguments: Sequence[str]) -> Typed:
    """Flags with their values, and everything else. Nothing is refused here."""
    words: list[str] = []
    flags: list[Flag] = []
    left = list(arguments)
    while left:
        argument = left.pop(0)
        if argument == "--":
            words += left
            break
        if not is_flag(argument):
            words.append(argument)
            continue
        typed, equals, value = argument.partition("=")
        flag = Flag(typed, value if equals else None)
        if not equals and left and not is_flag(left[0]) and needs_value(flag):
            flag = Flag(typed, left.pop(0))
        flags.append(flag)
    return Typed(tuple(words), tuple(flags))


def is_flag(argument: str) -> bool:
    """Whether it is a flag by its look; ``-`` is a name, ``-5`` a number."""
    return argument.startswith("-") and argument != "-" and not _NEGATIVE.match(argument)


def needs_value(flag: Flag) -> bool:
    """Whether a value must follow a flag; an unknown flag is taken for a switch."""
    argument = find_flag(flag.name)
    return argument is not None and argument.takes_value


def help_for(typed: Typed) -> str:
    """The help on what was typed: on everything, on a group or on one command.

    Raises:
        UsageError: there is no such command.
    """
    topic = typed.topic
    if not topic or (topic[0] in GROUPS and len(topic) == 1):
        return help_text("".join(topic))
    return _parser_of(command_of(topic)).format_help()


def command_of(words: Sequence[str]) -> Command:
    """The command that the first words name.

    Raises:
        UsageError: there is none of that name.
    """
    command = BY_NAME.get(" ".join(words[:2])) or BY_NAME.get(words[0])
    if command is not None:
        return command
    if words[0] in GROUPS:
        typed, names = " ".join(words[:2]), [name for name in BY_NAME if name.startswith(f"{words[0]} ")]
    else:
        typed, names = words[0], [name.split()[0] for name in BY_NAME]
    raise UsageError(
        f'There is no command "{printable(typed)}"{nearest(typed, names)}.\n'
        "The commands are listed by:\n  provisioner --help"
    )


def values_of(command: Command, typed: Typed) -> Namespace:
    """A value for everything that the command takes.

    Raises:
        UsageError: something was typed that the command does not take, or something is missing.
    """
    known = {argument.names[0]: argument for argument in all_arguments(command) if argument.is_flag}
    switches: dict[str, bool] = {}
    valued: list[str] = []
    for flag in typed.flags:
        argument = _known(flag, known, command)
        if not argument.takes_value:
            switches[argument.destination] = _truth(flag, command)
        elif flag.value is None:
            raise _wrong(command, f"{flag.typed} needs a value: {flag.name}={argument.options['metavar']}")
        else:
            valued.append(f"{flag.name}={flag.value}")
    operands = typed.words[len(command.name.split()) :]
    _ensure_not_too_many(operands, command)
    values = _parser_of(command).parse_args([*valued, *(["--", *operands] if operands else ())])
    # Set here, because argparse does not know --flag=false.
    vars(values).update(switches)
    return values


def seconds_of(text: str, flag: str) -> float:
    """A duration as Terraform's users write it: ``30``, ``30s``, ``5m``.

    Raises:
        UsageError: it is none.
    """
    number, unit = (text[:-1], _UNITS[text[-1:]]) if text[-1:] in _UNITS else (text, 1)
    try:
        seconds = float(number) * unit
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(f"{flag} takes seconds, such as 30 or 5m, not {text!r}.")
    return seconds


def options_of(values: Namespace) -> "Options":
    """What finds a project and sets its settings."""
    from provisioner.commands.project.project import Options, setting_flags

    environment = os.environ.get("PROVISIONER_ENV", "") if values.env is None else values.env
    return Options(chdir=values.chdir, environment=environment, flags=setting_flags(vars(values)))


def lock_timeout(values: Namespace) -> float:
    """Seconds to wait for the lock of the state.

    Raises:
        UsageError: what was typed is no duration.
    """
    return seconds_of(values.lock_timeout, "--lock-timeout")


def _known(flag: Flag, known: Mapping[str, Argument], command: Command) -> Argument:
    argument = known.get(flag.name)
    if argument is None:
        raise _wrong(command, f'there is no flag "{printable(flag.typed)}"{nearest(flag.name, list(known))}')
    return argument


def _truth(flag: Flag, command: Command) -> bool:
    truth = _TRUTHS.get("true" if flag.value is None else flag.value.lower())
    if truth is None:
        raise _wrong(command, f'{flag.typed} is true or false, not "{printable(str(flag.value))}"')
    return truth


def _ensure_not_too_many(operands: Sequence[str], command: Command) -> None:
    taken = [argument for argument in command.arguments if not argument.is_flag]
    if len(operands) > len(taken) and not any(argument.options.get("nargs") == "+" for argument in taken):
        raise _wrong(command, f'"{printable(operands[len(taken)])}" is one argument too many')


def _wrong(command: Command, why: str) -> UsageError:
    return UsageError(
        f"provisioner {command.name}: {why}.\n"
        f"What it takes is listed by:\n  provisioner {command.name} --help"
    )


class _Parser(ArgumentParser):
    """A parser whose complaints are ours: one line, and what to do."""

    def __init__(self, command: Command) -> None:
        super().__init__(
            prog=f"provisioner {command.name}",
            description=command.text[0].upper() + command.text[1:] + ".",
            epilog=command.more,
            allow_abbrev=False,
            add_help=False,
            formatter_class=lambda prog: RawDescriptionHelpFormatter(prog, max_help_position=34, width=100),
        )
        self._command = command

    def error(self, message: str) -> NoReturn:
        raise _wrong(self._command, message)


def _parser_of(command: Command) -> ArgumentParser:
    """The parser of one command: start-up is what people feel."""
    parser = _Parser(command)
    own = parser.add_argument_group("arguments")
    for argument in command.arguments:
        own.add_argument(*argument.names, **argument.options)
    common = parser.add_argument_group("common flags")
    for argument in (*(project_arguments() if command.opens_project else ()), *COMMON):
        common.add_argument(*argument.names, **argument.options)
    common.add_argument("-h", "--help", action="help", help="show this help and end")
    return parser
