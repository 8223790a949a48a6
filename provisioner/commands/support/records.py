"""The record of an address that was typed."""

from provisioner.core.address import Address
from provisioner.core.schema.validation import nearest
from provisioner.core.state.state import State, TaskRecord
from provisioner.core.text import printable
from provisioner.errors import UsageError


def known(state: State, address: str) -> TaskRecord:
    """The record of an address.

    Raises:
        UsageError: it is not in the state.
    """
    record = state.tasks.get(Address(address))
    if record is None:
        raise UsageError(
            f'There is no task "{printable(address)}" in the state{nearest(address, list(state.tasks))}.\n'
            "They are listed by:\n  provisioner state list"
        )
    return record


def ensure_settled(state: State, address: str) -> None:
    """Pass if no write to an address waits for its outcome.

    Raises:
        UsageError: one does.
    """
    if address in state.open:
        raise UsageError(
            f'A write to "{address}" has an unknown outcome.\nSettle it first:\n  provisioner apply'
        )
