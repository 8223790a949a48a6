"""A plan on standard output, in the form that was asked for."""

from enum import Enum, auto

from provisioner.commands.terminal import Terminal
from provisioner.core.plan.plan import Plan
from provisioner.render.plan_text import render_plan

CHANGES = 2
"""Exit code of ``plan --detailed-exitcode`` when there is something to do."""


class Form(Enum):
    """How a plan is printed."""

    TEXT = auto()
    JSON = auto()
    MARKDOWN = auto()


def encoded(plan: Plan) -> bytes:
    """A plan as JSON."""
    # Only a plan that is saved or printed as JSON needs this, and start-up is what people feel.
    from provisioner.core.documents.plan_document import encode

    return encode(plan)


def print_plan(terminal: Terminal, plan: Plan, form: Form, *, verbose: bool, document: bytes = b"") -> None:
    """Write a plan to standard output. ``document``: what it is as JSON, if that is known already."""
    match form:
        case Form.TEXT:
            terminal.result(render_plan(plan, colour=terminal.colour, verbose=verbose))
        case Form.JSON:
            terminal.document((document or encoded(plan)).decode())
        case Form.MARKDOWN:
            from provisioner.render.plan_markdown import render_markdown

            terminal.result(render_markdown(plan, verbose=verbose))
