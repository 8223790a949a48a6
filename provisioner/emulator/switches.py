"""What nobody outside can know about the live service, as switches.

Rule: everything the documents leave open, or contradict themselves on, is a row with a default, the
values it can take, and whether the default is documented or assumed. The client has to work under
every value; the tests try them all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provisioner.errors import UsageError

MAX_NUMBER = 1_000_000_000
"""The largest number that a switch or a fault takes. Seconds beyond it no clock can tell."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One open question and the answer that is played."""

    name: str
    default: str | int
    values: tuple[str, ...]
    """Empty: any whole number from 0 to ``MAX_NUMBER``."""

    known: str
    """``documented`` or ``assumed``."""

    text: str


_DOCUMENTED, _ASSUMED = "documented", "assumed"
_CODES = ("ResourceNotFound", "FailedOperation", "InvalidParameter")
_NAMED = ("accept", "InvalidParameter", "FailedOperation")
_READ = ("as_written", "reserialised")
_TAKEN = ("refuse", "ignore")
_MODES = ("captured", "keep", "empty")
_LOCKS = ("no", "others", "holder")
_CONFLICTS = ("UnsupportedOperation", "FailedOperation", "ResourceUnavailable")
_NUMBERED = ("keep", "renumber", "renumber_all")

SWITCHES = (
    Switch("site", "intl", ("intl", "china"), _DOCUMENTED, "China-only fields are unknown elsewhere"),
    Switch("calls_per_second", 20, (), _DOCUMENTED, "calls of one key and action in a second; 0 = no limit"),
    Switch("clock_offset_seconds", 0, (), _ASSUMED, "how far the service's clock is ahead"),
    Switch("latency_ms", 0, (), _ASSUMED, "how long every call takes"),
    Switch("duplicate_name", "accept", _NAMED, _ASSUMED, "a second task of the same name in a project"),
    Switch("not_found", "null", ("null", *_CODES), _ASSUMED, "how a read says that there is no such task"),
    Switch("not_found_write", _CODES[0], _CODES, _ASSUMED, "how every other action says so"),
    Switch("project_mismatch", "refuse", _TAKEN, _ASSUMED, "TaskInfo.ProjectId other than the call's"),
    Switch("modify", "replace", ("replace", "merge"), _ASSUMED, "whether absent fields are cleared"),
    Switch("create_keeps", "all", ("all", "scalars"), _ASSUMED, "whether Config, Nodes, Mappings are kept"),
    Switch("create_offline", "accept", ("accept", "refuse"), _ASSUMED, "whether create takes TaskType 202"),
    Switch("null_parameter", "ignore", ("ignore", "refuse"), _ASSUMED, "an explicit null in a request"),
    Switch("list_lag_seconds", 0, (), _ASSUMED, "how long a new task is missing in listings"),
    Switch(
        "listed_fields", "all", ("all", "plain"), _ASSUMED, "whether listings show lists: Config, Nodes …"
    ),
    Switch("max_page_size", 200, (), _ASSUMED, "larger pages are refused"),
    Switch("unknown_filter", "refuse", _TAKEN, _ASSUMED, "filters and orders of listings beside the known"),
    Switch("node_ids", "keep", _NUMBERED, _ASSUMED, "whether nodes keep their ids, and mappings follow"),
    Switch("unset", "captured", ("captured", "null"), _DOCUMENTED, 'what is not set: "", "-1", -1, [], null'),
    Switch("console_settings", "add", ("add", "none"), _DOCUMENTED, "settings of nodes that nobody wrote"),
    Switch("settings_order", "as_written", ("as_written", "reversed"), _ASSUMED, "name-value lists as read"),
    Switch("json_settings", "as_written", _READ, _ASSUMED, "settings that hold JSON, as read"),
    Switch("task_mode", "captured", _MODES, _DOCUMENTED, "TaskMode; captured: empty for whole databases"),
    Switch("production_filter", "accept", ("accept", "refuse"), _DOCUMENTED, "the filter ProductionState"),
    Switch("development_status", "same", ("same", "new"), _ASSUMED, "Status in development: the job's, or 0"),
    Switch("submit_flag", "true", ("true", "null"), _DOCUMENTED, "Submit once committed; captured: null"),
    Switch("commit_default", "0", ("0", "1"), _ASSUMED, "the CommitType of a commit that says none"),
    Switch(
        "approval", "none", ("none", "needed"), _DOCUMENTED, "whether commits wait: POST tasks/ID/approve"
    ),
    Switch(
        "run_preconditions", "strict", ("strict", "lenient"), _ASSUMED, "whether run actions look at Status"
    ),
    Switch("precondition_code", _CONFLICTS[0], _CONFLICTS, _ASSUMED, "how a wrong Status is said"),
    Switch("modify_running", "accept", ("accept", "refuse"), _ASSUMED, "a modify while the job runs"),
    Switch("transition_reads", 0, (), _ASSUMED, "how many reads show Status 2 or 5 before the final one"),
    Switch("transition_seconds", 0, (), _ASSUMED, "how long Status 2 or 5 lasts"),
    Switch("start_ends", "running", ("running", "failed"), _ASSUMED, "what a job that starts ends up as"),
    Switch("create_takes_lock", "yes", ("yes", "no"), _DOCUMENTED, "whether a new task is its creator's"),
    Switch("modify_needs_lock", "no", _LOCKS, _ASSUMED, "whose lock a modify needs; others: nobody else's"),
    Switch("commit_needs_lock", "others", _LOCKS, _DOCUMENTED, "whose lock a commit needs"),
    Switch("delete_needs_lock", "no", _LOCKS, _ASSUMED, "whose lock a delete needs"),
    Switch("rob", "allowed", ("allowed", "refused"), _ASSUMED, "whether somebody's lock can be taken away"),
    Switch("lock_expires_seconds", 0, (), _ASSUMED, "how long a lock lasts; 0 = until it is given back"),
    Switch(
        "delete_removes", "both", ("both", "development"), _ASSUMED, "which states of a task a delete takes"
    ),
    Switch("delete_fails", "no", ("no", "yes"), _DOCUMENTED, "a delete is DeleteFlag 1, with a reason"),
)
BY_NAME: Mapping[str, Switch] = {switch.name: switch for switch in SWITCHES}


class Switches:
    """The values in force. Read as attributes' values by name: ``switches["site"]``."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values: dict[str, Any] = {switch.name: switch.default for switch in SWITCHES}
        self.set(values or {})

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  # text or a number, by the table
        """The value in force."""
        return self._values[name]

    def set(self, values: object) -> None:
        """Turn some switches, by name; none if one of them cannot be turned so.

        Raises:
            UsageError: there is no such switch, or it does not take that value.
        """
        if not isinstance(values, Mapping):
            raise UsageError(f"Switches are set by an object of names and values, not by {values!r:.80}.")
        self._values.update({name: _checked(name, value) for name, value in values.items()})

    def all(self) -> dict[str, Any]:
        """Every switch and its value."""
        return dict(self._values)


def _checked(name: str, value: object) -> str | int:
    switch = BY_NAME.get(name)
    if switch is None:
        raise UsageError(f'There is no switch "{name:.80}". There are: {", ".join(BY_NAME)}.')
    if switch.values:
        value = str(value) if type(value) is int else value
        if value not in switch.values:
            raise UsageError(f'The switch "{name}" takes {" or ".join(switch.values)}, not {value!r:.80}.')
        return str(value)
    try:
        number = int(str(value))
    except ValueError:
        number = -1
    if not 0 <= number <= MAX_NUMBER:
        raise UsageError(
            f'The switch "{name}" takes a whole number from 0 to {MAX_NUMBER}, not {value!r:.80}.'
        )
    return number
