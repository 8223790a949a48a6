"""``completion``: scripts for bash, zsh and fish, made by shtab from the table of commands."""

import argparse

from provisioner.commands.arguments import COMMANDS, GROUPS, Argument, Command, all_arguments


def script(shell: str) -> str:
    """The completion script for a shell."""
    import shtab

    # shtab types its shells as a closed set that argparse's choices have already checked.
    return str(shtab.complete(_whole_parser(), shell=shell))


def _whole_parser() -> argparse.ArgumentParser:
    """Every command in one parser: what shtab reads. Parsing itself builds one command's only."""
    parser = argparse.ArgumentParser(prog="provisioner", description="WeData tasks from manifests.")
    commands = parser.add_subparsers(metavar="COMMAND")
    groups = {
        group: commands.add_parser(group, help=text).add_subparsers(metavar="COMMAND")
        for group, text in GROUPS.items()
    }
    for command in COMMANDS:
        group, _, name = command.name.rpartition(" ")
        parent = groups[group] if group else commands
        _add(parent.add_parser(name, help=command.text), command)
    return parser


def _add(parser: argparse.ArgumentParser, command: Command) -> None:
    import shtab

    for argument in all_arguments(command):
        action = parser.add_argument(*argument.names, **argument.options)
        if _names_a_file(argument):
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # how shtab is told


def _names_a_file(argument: Argument) -> bool:
    return argument.options.get("metavar") in ("FILE", "PLANFILE", "FOLDER")
