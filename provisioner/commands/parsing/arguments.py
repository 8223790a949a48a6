"""What there is to type: one table of commands and their arguments.

Rule: the parser, the help, the completion and the README's table come from here, and a flag means
the same in every command that has it. Nothing is imported that the help does not need: it must appear
at once.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Argument(NamedTuple):
    """One thing that can be typed after a command; ``names`` and ``options`` as argparse takes them."""

    names: tuple[str, ...]
    options: Mapping[str, Any]

    @property
    def is_flag(self) -> bool:
        """Whether it is named with dashes; everything else is known by its place."""
        return self.names[0].startswith("-")

    @property
    def takes_value(self) -> bool:
        """Whether a value follows the flag; a switch has none, or ``=true`` or ``=false``."""
        return self.options.get("action") != "store_true"

    @property
    def destination(self) -> str:
        """The name of its value, as argparse derives it."""
        return str(self.options.get("dest") or self.names[0].lstrip("-").replace("-", "_"))


class Command(NamedTuple):
    """One verb."""

    name: str
    """``plan``, or ``state list`` for a verb below another."""

    text: str
    arguments: tuple[Argument, ...] = ()
    opens_project: bool = True
    """Whether it takes the flags that find a project and set its settings."""

    more: str = ""
    """What its help says below the arguments, line by line."""


def _flag(*names: str, **options: Any) -> Argument:  # noqa: ANN401  # argparse's own options
    if "action" not in options and "metavar" not in options:
        options["action"] = "store_true"
    return Argument(names, options)


def _operand(name: str, **options: Any) -> Argument:  # noqa: ANN401  # argparse's own options
    return Argument((name,), options)


_JSON = _flag("--json", help="print JSON and nothing else on standard output")
_MARKDOWN = _flag("--markdown", help="print the plan as a comment for a pull request")
_VERBOSE = _flag("--verbose", help="expand what is summarised")
_INPUT = _flag("--input", default=True, help="=false: never ask, as nobody is there to answer")
_LOCK = _flag("--lock", default=True, help="for scripts made for Terraform; the lock cannot be switched off")
_REFRESH = _flag("--refresh", help="look at every task in WeData first, and plan from what is there")
_TARGETS = _flag(
    "--target", action="append", default=[], metavar="ADDRESS", help="only this task (repeatable)"
)
_LOCK_TIMEOUT = _flag(
    "--lock-timeout", metavar="SECONDS", default="0", help="wait this long for another run to end"
)
_LOCK_WAIT = _flag(
    "--lock-wait", metavar="SECONDS", default="0", help="wait this long for others to close tasks in WeData"
)
_TAKE_LOCK = _flag("--take-lock", help="take over tasks that others have open in WeData")
_WAIT = _flag("--wait", help="wait for what time will settle, instead of leaving it to the next run")
_ALLOW_STATE_LOSS = _flag("--allow-state-loss", help="let jobs lose their state where the plan says so")
_STOP_RUNNING = _flag("--stop-running", help="stop a running or suspended job, then delete its task")
_RUN_TIMEOUT = _flag(
    "--run-timeout", metavar="SECONDS", default="300", help="wait this long for a job to start or stop"
)
_PLAN_FILE = _operand("plan_file", nargs="?", default=None, metavar="PLANFILE", help="a saved plan")
_APPROVE = _flag("--auto-approve", help="do not ask")

COMMANDS: tuple[Command, ...] = (
    Command("init", "make a new project here: settings, a first manifest, .gitignore lines", (
        _operand("folder", nargs="?", default=".", metavar="FOLDER", help="where (default: here)"),
        _INPUT,
    ), opens_project=False),
    Command("validate", "check every manifest: no network, no state", (_JSON,)),
    Command("plan", "show what apply would do", (
        _flag("--out", metavar="FILE", help="save the plan, for apply FILE"),
        _JSON, _MARKDOWN,
        _flag("--detailed-exitcode", help="exit with 2 if there are changes"),
        _TARGETS,
        _flag("--destroy", help="plan to delete every task"),
        _VERBOSE, _INPUT, _LOCK, _REFRESH,
    )),
    Command("apply", "carry out the plan, after asking", (
        _PLAN_FILE,
        _flag("--destroy", help="delete every task, as destroy does"),
        _APPROVE, _TARGETS, _JSON, _VERBOSE, _WAIT, _LOCK_TIMEOUT, _LOCK_WAIT, _TAKE_LOCK, _INPUT, _LOCK,
        _REFRESH, _ALLOW_STATE_LOSS, _STOP_RUNNING, _RUN_TIMEOUT,
    )),
    Command("destroy", "delete every task of this project, after asking", (
        _APPROVE, _TARGETS, _JSON, _VERBOSE, _WAIT, _LOCK_TIMEOUT, _LOCK_WAIT, _TAKE_LOCK, _INPUT, _LOCK,
        _REFRESH, _STOP_RUNNING, _RUN_TIMEOUT,
    )),
    Command("drift", "show what was changed in WeData behind our back", (
        _JSON,
        _flag("--detailed-exitcode", help="exit with 2 if something was changed, and is not accepted"),
        _flag("--accept", help="take what was changed into the manifests, in place, and into the state"),
        _TARGETS, _VERBOSE, _LOCK_TIMEOUT,
    )),
    Command("show", "show the state, or a saved plan", (
        _PLAN_FILE,
        _JSON, _MARKDOWN, _VERBOSE,
    )),
    Command("state list", "list the addresses in the state", (
        _operand("prefix", nargs="?", default="", metavar="PREFIX", help="only those that begin like this"),
        _JSON,
    )),
    Command("state show", "show one task as it was last applied", (
        _operand("address", metavar="ADDRESS", help="the task"), _JSON,
    )),
    Command("state mv", "give a task another address, keeping the task itself", (
        _operand("source", metavar="FROM", help="the address now"),
        _operand("target", metavar="TO", help="the address to be"),
        _LOCK_TIMEOUT,
    ), more=(
        "In git, so that it is reviewed and holds for every environment: the manifest of the new name says\n"
        "  moved: {from: FROM}"
    )),
    Command("state rm", "forget tasks without deleting them", (
        _operand("addresses", nargs="+", metavar="ADDRESS", help="the tasks"),
        _LOCK_TIMEOUT,
    ), more=(
        "In git, so that it is reviewed and holds for every environment: a manifest of that name says\n"
        "  removed: {destroy: false}    # instead of TaskInfo; true: the task is deleted"
    )),
    Command("state accept", "accept a state file that was edited by hand", (_LOCK_TIMEOUT,)),
    Command("import", "take over a task that exists and that a manifest describes", (
        _operand("address", metavar="ADDRESS", help="the manifest's name"),
        _operand("task_id", metavar="TASK_ID", help="the task"),
        _LOCK_TIMEOUT,
    )),
    Command("export", "write every task of a WeData project as manifests and state", (
        _operand("folder", nargs="?", default=None, metavar="FOLDER",
                 help="where, below the manifests (default: there)"),
        _LOCK_TIMEOUT,
    )),
    Command("resolve", "find out what became of writes without an answer", (
        _operand("address", nargs="?", default=None, metavar="ADDRESS", help="a task, with one of:"),
        _flag("--adopt", metavar="TASK_ID", default=None, help="this is its task"),
        _flag("--absent", help="its open write left nothing"),
        _WAIT, _LOCK_TIMEOUT,
    )),
    Command("force-unlock", "say who holds the lock; clear what a dead run left", ()),
    Command("schema", "print a JSON Schema", (
        _operand("what", nargs="?", default="manifest", metavar="WHAT",
                 choices=("manifest", "settings", "plan", "drift"), help="which one (default: manifest)"),
    ), opens_project=False),
    Command("emulator", "serve the emulated API on 127.0.0.1 until Ctrl-C", (
        _flag("--port", metavar="PORT", default="0", help="port (default: a free one)"),
        _flag("--data", metavar="FOLDER", default=None, help="keep tasks here (default: in memory)"),
        _flag("--set", action="append", default=[], metavar="SWITCH=VALUE", help="set a switch (repeatable)"),
        _flag("--list-switches", help="list the switches and end"),
    ), opens_project=False, more=(
        "While it serves, faults are programmed from outside; URL is what it prints at its start:\n"
        "  curl -H 'X-Emulator-Token: emulator-secret-key' \\\n"
        "       -d '{\"kind\": \"drop_answer\"}' URL/_emulator/faults"
    )),
    Command("version", "print the version", (_JSON,), opens_project=False),
    Command("completion", "print a completion script", (
        _operand("shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish"),
    ), opens_project=False),
)  # fmt: skip
BY_NAME: Mapping[str, Command] = {command.name: command for command in COMMANDS}
GROUPS = {"state": "look into the state, and careful surgery"}


def all_arguments(command: Command) -> tuple[Argument, ...]:
    """A command's own arguments and those that every such command takes."""
    return (*command.arguments, *(project_arguments() if command.opens_project else ()), *COMMON)


COMMON = (_flag("--no-color", help="no colour"),)


def find_flag(name: str) -> Argument | None:
    """The flag of this name, in whichever command."""
    return _FLAGS.get(name) or {argument.names[0]: argument for argument in project_arguments()}.get(name)


_FLAGS: Mapping[str, Argument] = {
    argument.names[0]: argument
    for command in COMMANDS
    for argument in (*command.arguments, *COMMON)
    if argument.is_flag
}


def project_arguments() -> tuple[Argument, ...]:
    """The flags that find a project and override its settings."""
    from provisioner.core.settings import SETTINGS

    finding = (
        _flag(
            "--chdir",
            metavar="FOLDER",
            default="",
            help="project folder (default: nearest upwards)",
        ),
        _flag(
            "--env", metavar="NAME", default=None, help="environment of provisioner.yaml (PROVISIONER_ENV)"
        ),
    )
    overriding = tuple(
        _flag(
            setting.flag,
            dest=setting.name,
            default=None,
            metavar={"string": "TEXT"}.get(setting.kind, "N"),
            help=f"{setting.text} ({setting.variable})",
        )
        for setting in SETTINGS
    )
    return (*finding, *overriding)


def help_text(group: str = "") -> str:
    """What ``provisioner --help`` prints."""
    shown = [command for command in COMMANDS if not group or command.name.startswith(f"{group} ")]
    width = max(len(command.name) for command in shown)
    lines = "\n".join(f"  {command.name:<{width}}  {command.text}" for command in shown)
    usage = f"provisioner {group + ' ' if group else ''}COMMAND [ARGUMENTS]"
    return (
        f"Usage: {usage}\n\n"
        "Plan and apply WeData data-integration tasks from YAML manifests in git.\n\n"
        f"Commands:\n{lines}\n\n"
        "The arguments of a command are listed by: provisioner COMMAND --help\n"
        "Long flags are accepted with one dash or two, before the command or after it."
    )
