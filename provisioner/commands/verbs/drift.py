"""``drift``: what was changed in WeData behind our back.

Rule: looking changes nothing, neither at the service nor here, and takes no lock. ``--accept`` changes
what is here, under the lock, and nothing at the service.
"""

from contextlib import ExitStack
from dataclasses import dataclass

from provisioner.commands.project.project import Options, open_project
from provisioner.commands.support.comparison import Seen, see
from provisioner.commands.support.drift_acceptance import Accepted, Taken, accept
from provisioner.commands.support.lock import locked
from provisioner.commands.support.machine import Machine
from provisioner.commands.support.plan_output import CHANGES
from provisioner.commands.support.remote import open_remote
from provisioner.commands.terminal import Terminal
from provisioner.core.documents.drift_document import drift_document
from provisioner.core.documents.plan_document import document_text
from provisioner.core.text import printable
from provisioner.errors import ApiError
from provisioner.render.drift_text import render_drift
from provisioner.render.words import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftOptions:
    """What drift takes beside what every command takes."""

    targets: tuple[str, ...] = ()
    as_json: bool = False
    detailed_exitcode: bool = False
    verbose: bool = False
    accept: bool = False
    """Take what is there into the manifests and the state."""

    lock_timeout_seconds: float = 0


def drift(terminal: Terminal, options: Options, chosen: DriftOptions) -> int:
    """Show what differs between the state and the service. Returns the exit code.

    Raises:
        ProvisionerError: manifests, state or service cannot be used.
    """
    project = open_project(options)
    machine = Machine(terminal, project)
    with ExitStack() as stack:
        if chosen.accept:
            stack.enter_context(locked(terminal, machine.backend, "drift", chosen.lock_timeout_seconds))
        with open_remote(project.settings, machine.clock) as api:
            seen = see(terminal, project, machine, api, chosen.targets)
        accepted = accept(seen, machine.backend) if chosen.accept else None
    _show(terminal, chosen, seen, accepted)
    if seen.unread:
        return ApiError.exit_code
    is_left = bool(seen.drifts.found if accepted is None else accepted.left)
    return CHANGES if chosen.detailed_exitcode and is_left else 0


def _show(terminal: Terminal, chosen: DriftOptions, seen: Seen, accepted: Accepted | None) -> None:
    if chosen.as_json:
        document = drift_document(seen.drifts, seen.unread)
        if accepted is not None:
            document["accepted"] = [_document(one) for one in accepted.written]
            document["left"] = [{**_document(one), "why": one.why} for one in accepted.left]
        terminal.document(document_text(document))
        return
    text = render_drift(
        seen.drifts,
        seen.unread,
        colour=terminal.colour,
        verbose=chosen.verbose,
        advises=accepted is None,
    )
    terminal.result(text if accepted is None else f"{text}\n{_accepted_text(accepted)}")


def _document(taken: Taken) -> dict[str, object]:
    source = taken.source
    place = None if source is None else {"file": source.file, "line": source.line}
    return {"address": taken.address, "label": taken.label, "source": place}


def _accepted_text(accepted: Accepted) -> str:
    lines = [f"{_place(one)}{one.label} is as in WeData now." for one in accepted.written]
    lines += [f"{_place(one)}{one.label} is left: {one.why}." for one in accepted.left]
    count = f"{counted(len(accepted.written), 'field')} accepted, {len(accepted.left)} left."
    more = " What is left is shown by:\n  provisioner plan" if accepted.left else ""
    return "\n".join([*map(printable, lines), f"{count}{more}"])


def _place(taken: Taken) -> str:
    return f"{taken.source if taken.source is not None else taken.address}: "
