"""Looking at the emulator and programming it, from another process.

Rule: only what the parts themselves offer is passed on, and they check what they are given. Whatever
cannot be done is said in words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provisioner.emulator.faults import Faults
from provisioner.emulator.json_text import read_json
from provisioner.emulator.service import Service
from provisioner.emulator.switches import Switches
from provisioner.errors import UsageError

_APPROVE = "/approve"


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call that arrived, for tests to look at."""

    action: str
    parameters: Mapping[str, Any]
    request_id: str
    arrived: float
    """Unix seconds by this machine's clock."""

    code: str
    """The error code of the answer; empty for success and for calls that were cut off."""

    fault: str
    """The fault that hit it; empty if none did."""


class Admin:
    """``GET calls | tasks | switches``, ``POST faults | switches | tasks/ID | tasks/ID/approve``.

    JSON both ways; an approval has no body.
    """

    def __init__(
        self, service: Service, faults: Faults, switches: Switches, calls: Sequence[RecordedCall]
    ) -> None:
        self._service = service
        self._faults = faults
        self._switches = switches
        self._calls = calls

    def perform(self, method: str, path: str, body: bytes) -> object:
        """Do it. Returns what to answer: what was asked for, or the switches.

        Raises:
            UsageError: it cannot be done; says why.
        """
        name, _, rest = path.partition("/")
        if method == "GET":
            return self._look(name)
        if name == "tasks" and rest.endswith(_APPROVE):
            self._service.approve(rest.removesuffix(_APPROVE))
            return self._switches.all()
        try:
            document = read_json(body)
        except ValueError as error:
            raise UsageError(f"The body is not legal JSON: {error}.") from error
        match name:
            case "faults":
                self._faults.add_documents(document if isinstance(document, list) else [document])
            case "switches":
                self._switches.set(document)
            case "tasks":
                self._service.edit(rest, document)
            case _:
                raise _nothing(method, name)
        return self._switches.all()

    def _look(self, name: str) -> object:
        match name:
            case "calls":
                names = RecordedCall.__dataclass_fields__
                return [{field: getattr(call, field) for field in names} for call in list(self._calls)]
            case "tasks":
                return self._service.tasks()
            case "switches":
                return self._switches.all()
            case _:
                raise _nothing("GET", name)


def _nothing(method: str, name: str) -> UsageError:
    return UsageError(
        f"There is no {method} {name!r:.80}. "
        "There are: GET calls, tasks, switches; POST faults, switches, tasks/ID, tasks/ID/approve."
    )
