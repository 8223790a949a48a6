"""``show``, ``state list``, ``state show``: look, change nothing, call nothing."""

import json
import os

from provisioner.commands.lock import last_run
from provisioner.commands.plan import Form, print_plan, read_saved
from provisioner.commands.project import Options, open_project
from provisioner.commands.state import known
from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address
from provisioner.core.documents.masking import shown_body
from provisioner.core.json_types import JSONValue
from provisioner.core.state.state import State, TaskRecord
from provisioner.errors import UsageError
from provisioner.render.state_text import render_record, render_state, render_state_list


def show(terminal: Terminal, options: Options, *, plan_file: str | None, form: Form, verbose: bool) -> int:
    """A saved plan, or the state.

    Raises:
        UsageError: the state is to be Markdown.
    """
    if plan_file is not None:
        plan, _ = read_saved(os.path.abspath(plan_file))
        print_plan(terminal, plan, form, verbose=verbose)
        return 0
    if form is Form.MARKDOWN:
        raise UsageError("Only a plan is printed as Markdown.\nName it: provisioner show --markdown PLANFILE")
    backend = open_project(options).backend()
    state = backend.load()
    if told := last_run(backend.lock):
        terminal.say(told)
    if form is Form.JSON:
        terminal.document(_json(_state_document(state)))
    else:
        terminal.result(render_state(state, colour=terminal.colour))
    return 0


def state_list(terminal: Terminal, options: Options, *, prefix: str, as_json: bool) -> int:
    """The addresses in the state, one a line."""
    state = open_project(options).backend().load()
    tasks = {address: record for address, record in state.tasks.items() if address.startswith(prefix)}
    if as_json:
        listed = [{"address": address, "task_id": tasks[address].task_id} for address in sorted(tasks)]
        terminal.document(_json({"format_version": "1.0", "tasks": listed}))
    elif tasks:
        terminal.result(render_state_list(tasks))
    return 0


def state_show(terminal: Terminal, options: Options, *, address: str, as_json: bool) -> int:
    """One task as it was last applied."""
    state = open_project(options).backend().load()
    record = known(state, address)
    if as_json:
        terminal.document(_json(_record_document(Address(address), record)))
    else:
        terminal.result(render_record(Address(address), record, colour=terminal.colour))
    return 0


def _json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=True)


def _state_document(state: State) -> dict[str, object]:
    return {
        "format_version": "1.0",
        "lineage": state.lineage,
        "serial": state.serial,
        "stack": state.stack,
        "tasks": [_record_document(address, state.tasks[address]) for address in sorted(state.tasks)],
        "unsettled": [
            {"address": a.address, "kind": a.kind.value, "timestamp": a.timestamp, "task_id": a.task_id}
            for _, a in sorted(state.open.items())
        ],
    }


def _record_document(address: Address, record: TaskRecord) -> dict[str, JSONValue]:
    return {
        "address": address,
        "task_id": record.task_id,
        "project_id": record.project_id,
        "task_type": record.task_type,
        "applied_at": record.applied_at,
        "request_id": record.request_id,
        "protected": record.protected,
        "spec": shown_body(record.spec),
    }
