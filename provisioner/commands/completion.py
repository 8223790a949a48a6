"""``__complete``: what can be typed next.

Rule: a shell's script only asks and shows; the answer is worked out here, by the parser's own rules
and table, so that every shell offers what the command line takes. Nothing is ever said but the
answer: a person in the middle of typing wants no message.
"""

from collections.abc import Iterable, Iterator, Sequence

from provisioner.commands.parsing.arguments import (
    BY_NAME,
    COMMON,
    GROUPS,
    Argument,
    Command,
    all_arguments,
    find_flag,
    project_arguments,
)
from provisioner.commands.parsing.parser import Flag, Typed, is_flag, take_apart, values_of
from provisioner.core.text import printable
from provisioner.errors import ProvisionerError

FILES, FOLDERS = ":files", ":folders"
"""Answers that ask the shell to offer what it knows better."""

_FILE_WORDS = ("FILE", "PLANFILE")
_TASK_WORDS = ("ADDRESS", "FROM", "PREFIX")


def candidates(words: Sequence[str]) -> list[str]:
    """What the last word may become, each with a tab and what it means; nothing on any error.

    Args:
        words: what stands after the program's name, up to the cursor; the last may be empty.
    """
    *before, current = _joined(words) or [""]
    # What a shell replaces is its own last word; bash ends one at an equals sign.
    kept = len(current) - len(words[-1].removeprefix("=")) if current != "".join(words[-1:]) else 0
    try:
        found = list(_candidates(before, current))
    except (ProvisionerError, OSError):
        return []
    return [text if text.startswith(":") else text[kept:] for text in found]


def _joined(words: Sequence[str]) -> list[str]:
    """The words as they were typed: bash takes ``--out=x`` for three."""
    result: list[str] = []
    before = ""
    for word in words:
        if result and is_flag(result[-1]) and "=" in (word, before):
            result[-1] += word
        else:
            result.append(word)
        before = word
    return result


def _candidates(before: Sequence[str], current: str) -> Iterator[str]:
    typed = take_apart(before)
    awaiting = _awaiting(before)
    if awaiting is not None:
        yield from _values(awaiting, current, typed)
    elif current.startswith("-") and "--" not in before:
        name, equals, value = current.partition("=")
        if equals:
            yield from (
                _after(f"{name}=", text) for text in _values(find_flag(Flag(name, None).name), value, typed)
            )
        else:
            yield from _flags(typed, current)
    else:
        yield from _words(typed, current)


def _awaiting(before: Sequence[str]) -> Argument | None:
    """The flag whose value is being typed."""
    if "--" in before or not before or not is_flag(before[-1]) or "=" in before[-1]:
        return None
    argument = find_flag(Flag(before[-1], None).name)
    return argument if argument is not None and argument.takes_value else None


def _after(prefix: str, text: str) -> str:
    return text if text in (FILES, FOLDERS) else prefix + text


def _flags(typed: Typed, current: str) -> Iterator[str]:
    """The flags that begin as was typed, with as many dashes."""
    command = _command(typed.topic)
    arguments = all_arguments(command) if command else (*project_arguments(), *COMMON)
    texts = {argument.names[0]: argument.options["help"] for argument in arguments if argument.is_flag}
    texts["--help"] = "show the help and end"
    dashes = 1 if is_flag(current) and not current.startswith("--") else 0
    for name, text in texts.items():
        if name[dashes:].startswith(current):
            yield f"{name[dashes:]}\t{text}"


def _words(typed: Typed, current: str) -> Iterator[str]:
    """Commands, or what the command takes at this place."""
    topic = typed.topic
    command = _command(topic)
    if command is None:
        yield from _commands(topic, current)
    elif topic == typed.words:
        operands = [argument for argument in command.arguments if not argument.is_flag]
        place = len(topic) - len(command.name.split())
        if place >= len(operands) and operands and operands[-1].options.get("nargs") == "+":
            place = len(operands) - 1
        if place < len(operands):
            yield from _values(operands[place], current, typed)


def _command(topic: Sequence[str]) -> Command | None:
    return (BY_NAME.get(" ".join(topic[:2])) or BY_NAME.get(topic[0])) if topic else None


def _commands(topic: Sequence[str], current: str) -> Iterator[str]:
    """The next word of the commands that begin with these words."""
    texts = dict(GROUPS) if not topic else {}
    for command in BY_NAME.values():
        words = command.name.split()
        if tuple(words[: len(topic)]) == tuple(topic):
            texts.setdefault(words[len(topic)], command.text)
    yield from (f"{word}\t{text}" for word, text in texts.items() if word.startswith(current))


def _values(argument: Argument | None, current: str, typed: Typed) -> Iterator[str]:
    """What may stand for an operand or after a flag."""
    if argument is None:
        return
    metavar = argument.options.get("metavar")
    if metavar in _FILE_WORDS:
        yield FILES
    elif metavar == "FOLDER":
        yield FOLDERS
    else:
        known = _addresses(typed) if metavar in _TASK_WORDS else _choices(argument)
        yield from (text for text in known if text.startswith(current))


def _choices(argument: Argument) -> Sequence[str]:
    return argument.options.get("choices") or (("true", "false") if not argument.takes_value else ())


def _addresses(typed: Typed) -> Iterable[str]:
    """The addresses in the state of the project that the flags name.

    Raises:
        ProvisionerError: there is no project, or its state cannot be read.
    """
    from provisioner.commands.parsing.parser import options_of
    from provisioner.commands.project.project import open_project

    finding = {argument.names[0] for argument in project_arguments()}
    flags = tuple(flag for flag in typed.flags if flag.name in finding)
    values = values_of(BY_NAME["state list"], Typed(("state", "list"), flags))
    state = open_project(options_of(values)).backend().load()
    return sorted(address for address in state.tasks if printable(address) == address)
