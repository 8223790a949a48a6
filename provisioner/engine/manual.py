"""What a person says of a task whose fate looking alone does not settle.

Rule: a person's word is recorded as such and nothing is sent. A task that is taken over beside its
manifest is compared with it at once, so that the next plan shows what differs. Without one it is taken
with unknown content: the next plan sends the whole body.
"""

from provisioner.core.address import Address
from provisioner.core.api.replies import RemoteTask
from provisioner.core.body.readback import kept
from provisioner.core.json_types import JSONObject
from provisioner.core.manifest.spec import TaskSpec, spec_digest
from provisioner.core.marker import find_marker
from provisioner.core.state.entries import Resolved, Verdict
from provisioner.core.state.state import Attempt, TaskRecord, WriteKind
from provisioner.core.times import utc_text
from provisioner.engine.ports import Clock, StateBackend


def adopt(
    backend: StateBackend,
    clock: Clock,
    address: Address,
    project_id: str,
    task: RemoteTask,
    *,
    spec: TaskSpec | None = None,
) -> TaskRecord:
    """Record a task as that of an address; whatever was open there is closed.

    Args:
        backend: where it is recorded.
        clock: for when it was recorded.
        address: whose task it is.
        project_id: where it is.
        task: as it was read.
        spec: what the manifest asks for; None if that is not to be compared.

    Raises:
        StateError: it could not be recorded.
    """
    marker = find_marker(task.description)
    body: JSONObject = kept(spec.body, task.body).body if spec is not None else {}
    record = TaskRecord(
        project_id=project_id,
        task_id=task.task_id,
        task_type=task.task_type,
        spec=body,
        digest=spec_digest(project_id, body) if spec is not None else "",
        request_id="",
        applied_at=utc_text(clock.now()),
        attempt=marker.attempt if marker else "",
    )
    _resolve(backend, address, record.attempt, Verdict.ADOPTED, record)
    return record


def declare_absent(backend: StateBackend, attempt: Attempt) -> None:
    """Record that a write left nothing: no task was made, or the one that was named is gone.

    A step of a job that left nothing leaves its task as it is.

    Raises:
        StateError: it could not be recorded.
    """
    if attempt.kind is WriteKind.RUN:
        record = backend.record_of(attempt.address)
        _resolve(backend, attempt.address, attempt.attempt, Verdict.REPEAT, record)
        return
    _resolve(backend, attempt.address, attempt.attempt, Verdict.ABSENT, None)


def _resolve(
    backend: StateBackend, address: Address, attempt: str, verdict: Verdict, record: TaskRecord | None
) -> None:
    backend.record(
        Resolved(
            seq=backend.next_seq,
            address=address,
            attempt=attempt,
            verdict=verdict,
            record=record,
            evidence="by the operator",
        )
    )
