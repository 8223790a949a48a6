"""``state show``: one task as it was last applied."""

from provisioner.commands.project.project import Options, open_project
from provisioner.commands.support.records import known
from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address
from provisioner.core.documents.state_document import json_text, record_document
from provisioner.render.state_text import render_record


def state_show(terminal: Terminal, options: Options, *, address: str, as_json: bool) -> int:
    """One task as it was last applied."""
    state = open_project(options).backend().load()
    record = known(state, address)
    if as_json:
        terminal.document(json_text(record_document(Address(address), record)))
    else:
        terminal.result(render_record(Address(address), record, colour=terminal.colour))
    return 0
