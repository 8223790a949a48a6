"""``state list``: the addresses that have a task."""

from provisioner.commands.project.project import Options, open_project
from provisioner.commands.terminal import Terminal
from provisioner.core.documents.state_document import json_text
from provisioner.render.state_text import render_state_list


def state_list(terminal: Terminal, options: Options, *, prefix: str, as_json: bool) -> int:
    """The addresses in the state, one a line."""
    state = open_project(options).backend().load()
    tasks = {address: record for address, record in state.tasks.items() if address.startswith(prefix)}
    if as_json:
        listed = [{"address": address, "task_id": tasks[address].task_id} for address in sorted(tasks)]
        terminal.document(json_text({"format_version": "1.0", "tasks": listed}))
    elif tasks:
        terminal.result(render_state_list(tasks))
    return 0
