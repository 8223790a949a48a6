"""The ownership marker in a task's Description.

Rule: the marker is added when a body is sent and taken off before anybody compares or reads a
Description. CreateIntegrationTask has no idempotency token, and Description is the only free text
that a listing shows again; so a task that carries our marker can be found after its answer was lost.

It is ``[provisioner STACK/ADDRESS/ATTEMPT]``: the stack's id, a digest of the address, and a random id
of the attempt. It is written at the end and found anywhere: people add to descriptions.
"""

import hashlib
import re
from dataclasses import dataclass

from provisioner.core.address import Address

_MARKER = re.compile(r"[ \n]?\[provisioner ([0-9a-f]{16})/([0-9a-f]{16})/([0-9a-f]{16})\]")

ID_DIGITS = 16
"""Hexadecimal digits in each part: 64 bits, far beyond collision among a stack's tasks."""


@dataclass(frozen=True, slots=True)
class Marker:
    """Whose task it is, which one, and by which attempt."""

    stack: str
    address_digest: str
    attempt: str

    def __str__(self) -> str:
        """The tail as it stands in a Description."""
        return f"[provisioner {self.stack}/{self.address_digest}/{self.attempt}]"


def address_digest(address: Address) -> str:
    """What stands for an address in a marker; 16 hexadecimal digits."""
    return hashlib.sha256(address.encode()).hexdigest()[:ID_DIGITS]


def marker_for(stack: str, address: Address, attempt: str) -> Marker:
    """The marker of one attempt at one address."""
    return Marker(stack, address_digest(address), attempt)


def with_marker(description: str, marker: Marker) -> str:
    """The Description to send; a marker that is already there is replaced."""
    plain = without_marker(description)
    return f"{plain} {marker}" if plain else str(marker)


def without_marker(description: str) -> str:
    """The Description as its author wrote it."""
    return _MARKER.sub("", description)


def find_marker(description: str) -> Marker | None:
    """The marker in a Description, if there is one; the last of several."""
    found = _MARKER.findall(description)
    return Marker(*found[-1]) if found else None
