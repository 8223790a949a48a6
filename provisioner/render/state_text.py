"""What we know we made, for people.

Rule: everything that is recorded is shown, with every secret replaced. A state has no order of its
own, so tasks stand in order of addresses.
"""

from collections.abc import Iterable, Iterator

from provisioner.core.address import Address
from provisioner.core.body.masking import shown_body
from provisioner.core.state.state import Attempt, State, TaskRecord
from provisioner.core.task_types import TYPE
from provisioner.core.text import printable
from provisioner.core.times import utc_text
from provisioner.render.body_text import body_lines
from provisioner.render.job_text import job_pairs
from provisioner.render.words import Paint, Pen, columns, counted, family, quoted


def render_state_list(addresses: Iterable[Address]) -> str:
    """The addresses in order, one a line; empty if there are none."""
    return "".join(f"{printable(address)}\n" for address in sorted(addresses))


def render_record(address: Address, record: TaskRecord, *, colour: bool) -> str:
    """One task as it was last applied."""
    return "\n".join(_record(address, record, Pen(Paint(colour), verbose=True, symbols=False))) + "\n"


def render_state(state: State, *, colour: bool) -> str:
    """Every task, and every write whose outcome is not known."""
    blocks = [render_record(address, state.tasks[address], colour=colour) for address in sorted(state.tasks)]
    if state.open:
        blocks.append(_open([state.open[address] for address in sorted(state.open)], Paint(colour)))
    return "\n".join(blocks) or "The state is empty: it holds no tasks.\n"


def _record(address: Address, record: TaskRecord, pen: Pen) -> Iterator[str]:
    yield pen.paint.bold(f"# {printable(address)}:")
    if not record.digest:
        yield "# (what the task holds is not known; the next apply sends the whole body)"
    head = [
        ("project_id", quoted(record.project_id)),
        ("task_id", quoted(record.task_id)),
        ("task_type", f"{record.task_type} ({family(record.task_type)})"),
        ("applied_at", quoted(record.applied_at)),
        ("request_id", quoted(record.request_id)),
        ("prevent_destroy", "true" if record.protected else "false"),
        *job_pairs(record),
    ]
    yield pen.line(0, "", f"{TYPE} {quoted(address)} {{")
    yield from body_lines(pen, "", shown_body(record.spec) or {}, head)
    yield pen.line(0, "", "}")


def _open(attempts: list[Attempt], paint: Paint) -> str:
    rows = [
        (
            f"  {printable(attempt.address)}",
            attempt.kind.value,
            f"signed {utc_text(attempt.timestamp)}",
            f"[id={printable(attempt.task_id)}]" if attempt.task_id is not None else "",
        )
        for attempt in attempts
    ]
    has = "has an unknown outcome" if len(rows) == 1 else "have an unknown outcome"
    heading = paint.bold(f"{counted(len(rows), 'write')} {has}:")
    return "\n".join([heading, *columns(rows), "Find out with:\n  provisioner apply\n"])
