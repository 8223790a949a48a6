"""``show``: look at a saved plan or at the state; change nothing, call nothing."""

import os

from provisioner.commands.project.project import Options, open_project
from provisioner.commands.support.lock import last_run
from provisioner.commands.support.plan_output import Form, print_plan
from provisioner.commands.support.saved_plan import read_saved
from provisioner.commands.terminal import Terminal
from provisioner.core.documents.state_document import json_text, state_document
from provisioner.errors import UsageError
from provisioner.render.state_text import render_state


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
        terminal.document(json_text(state_document(state)))
    else:
        terminal.result(render_state(state, colour=terminal.colour))
    return 0
