"""The state for people: one task, all tasks, or their addresses.

Rule: what was made is shown as it was last applied; a secret's place is shown, not the secret.
"""

from collections.abc import Iterable, Iterator

from provisioner.core.address import Address, JSONValue
from provisioner.core.plan_document import TYPE, shown_body
from provisioner.core.state import Attempt, State, TaskRecord
from provisioner.core.text import printable
from provisioner.core.times import utc_text
from provisioner.render.body_text import body_lines, value_text
from provisioner.render.paint import Paint


def render_state_list(addresses: Iterable[Address]) -> str:
    """Addresses, one a line, in the order given."""
    return "".join(f"{printable(address)}\n" for address in addresses)


def render_record(address: Address, record: TaskRecord, *, colour: bool) -> str:
    """One task with everything that was applied."""
    return "\n".join(_record_lines(address, record, Paint(colour))) + "\n"


def render_state(state: State, *, colour: bool) -> str:
    """Every task, and every write whose outcome is not known."""
    paint = Paint(colour)
    if not state.tasks and not state.open:
        return "The state is empty: nothing was applied yet.\n"
    lines: list[str] = []
    for address in sorted(state.tasks):
        lines += [*_record_lines(address, state.tasks[address], paint), ""]
    for address in sorted(state.open):
        lines.append(_attempt_line(state.open[address], paint))
    tasks = f"{len(state.tasks)} task{'' if len(state.tasks) == 1 else 's'}"
    lines.append(f"{tasks}; serial {state.serial}, lineage {printable(state.lineage)}")
    return "\n".join(lines) + "\n"


def _record_lines(address: Address, record: TaskRecord, paint: Paint) -> Iterator[str]:
    yield paint(f"# {printable(address)}", "bold")
    yield f"{TYPE} {value_text(address)} {{"
    head: dict[str, JSONValue] = {
        "task_id": record.task_id,
        "project_id": record.project_id,
        "task_type": record.task_type,
        "applied_at": record.applied_at,
        "request_id": record.request_id,
        "protected": record.protected,
    }
    width = max(len(name) for name in head)
    yield from (f"    {name:<{width}} = {value_text(value)}" for name, value in head.items())
    if record.spec:
        yield ""
        yield from (f"    {line}" for line in body_lines(shown_body(record.spec) or {}, verbose=True))
    else:
        yield "    # adopted: what it holds is not known"
    yield "}"


def _attempt_line(attempt: Attempt, paint: Paint) -> str:
    when = utc_text(attempt.timestamp)
    text = f"# {printable(attempt.address)}: a {attempt.kind} signed at {when} has an unknown outcome"
    return paint(text, "yellow")
