"""How an apply ended, for people.

Rule: every failure says which task, where its manifest is, which API action, code, message and
RequestId, and what to do; and the command that goes on is the last line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from provisioner.core.address import Address, Source
from provisioner.core.text import printable
from provisioner.render.paint import Paint

_LISTED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What is done and recorded."""

    added: int
    changed: int
    destroyed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One task that did not go well."""

    address: Address
    source: Source | None
    action: str
    """The API action."""

    code: str
    message: str
    request_id: str
    advice: str
    unknown: bool
    """Whether the outcome is not known, which is neither done nor failed."""


def render_summary(
    tally: Tally,
    failures: Sequence[Failure],
    *,
    not_attempted: Sequence[Address],
    reason: str,
    destroy: bool,
    colour: bool,
) -> str:
    """The last words of an apply. ``reason``: why something was not attempted."""
    paint = Paint(colour)
    if not failures and not not_attempted:
        return f"\n{_complete(tally, destroy=destroy, paint=paint)}\n"
    lines = [""]
    for failure in failures:
        lines += [*_failure_lines(failure, paint), ""]
    if not_attempted:
        lines += [*_not_attempted_lines(not_attempted, reason), ""]
    lines.append(_incomplete(tally, failures, not_attempted, paint))
    lines.append(f"To go on:\n  provisioner {'destroy' if destroy else 'apply'}")
    return "\n".join(lines) + "\n"


def _complete(tally: Tally, *, destroy: bool, paint: Paint) -> str:
    if destroy:
        return paint(f"Destroy complete! Resources: {tally.destroyed} destroyed.", "bold", "green")
    return paint(f"Apply complete! Resources: {_done(tally)}.", "bold", "green")


def _incomplete(
    tally: Tally, failures: Sequence[Failure], not_attempted: Sequence[Address], paint: Paint
) -> str:
    unknown = sum(failure.unknown for failure in failures)
    parts = [_done(tally)]
    if failed := len(failures) - unknown:
        parts.append(f"{failed} failed")
    if unknown:
        parts.append(f"{unknown} with unknown outcome")
    if not_attempted:
        parts.append(f"{len(not_attempted)} not attempted")
    return paint(f"Apply incomplete: {'; '.join(parts)}.", "bold", "red")


def _done(tally: Tally) -> str:
    return f"{tally.added} added, {tally.changed} changed, {tally.destroyed} destroyed"


def _failure_lines(failure: Failure, paint: Paint) -> Iterator[str]:
    word = "unknown" if failure.unknown else "failed"
    place = f"  {printable(str(failure.source))}" if failure.source else ""
    yield paint(f"  # {printable(failure.address)} {word}", "bold", "red") + place
    yield f"    {failure.action}: {printable(failure.code)}: {printable(failure.message)}"
    if failure.request_id:
        yield f"    RequestId {printable(failure.request_id)}"
    if failure.advice:
        yield f"    {failure.advice}"


def _not_attempted_lines(addresses: Sequence[Address], reason: str) -> Iterator[str]:
    because = f" ({printable(reason)})" if reason else ""
    yield f"  # {len(addresses)} not attempted{because}"
    yield from (f"      {printable(address)}" for address in addresses[:_LISTED])
    if len(addresses) > _LISTED:
        yield f"      … and {len(addresses) - _LISTED} more"
