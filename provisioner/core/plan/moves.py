"""Tasks that have another address now, and tasks that are not to be managed any more.

Rule: what the manifests say of addresses is applied to the state before anything is compared: a
record goes to its new address, or goes. So a rename is no delete and no create. Where a write to one
of these addresses has no outcome yet, neither of them is touched: what there is must be known first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from provisioner.core.address import Address, TaskId
from provisioner.core.manifest.spec import Removal, TaskSpec
from provisioner.core.source import Source
from provisioner.core.state.state import State, TaskRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the manifests say of addresses, beside what they ask for."""

    moved: Mapping[Address, tuple[Address, ...]] = field(default_factory=dict)
    """New address to the ones that the task had before, the latest first."""

    removed: Mapping[Address, Removal] = field(default_factory=dict)
    use_marker: bool = True
    """Whether tasks carry a marker, which names the old address until it is written again."""

    @property
    def forgotten(self) -> set[Address]:
        """The addresses whose tasks go on existing without us."""
        return {address for address, removal in self.removed.items() if not removal.destroy}

    @property
    def spoken_for(self) -> set[Address]:
        """Addresses that a manifest speaks of and describes no task under: none may get one anew."""
        return {*self.removed, *(old for olds in self.moved.values() for old in olds)}


NO_NAMES = Names()
"""Nothing has moved, and nothing is to be forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One task that gets another address."""

    before: Address
    after: Address
    task_id: TaskId | None
    """None where a create has no outcome yet."""

    waits: bool = False
    """Whether a write to one of the two has no outcome yet: nothing is done about either until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """One task that is not managed any more and goes on existing."""

    address: Address
    task_id: TaskId | None
    """None where a create has no outcome yet."""

    waits: bool = False
    """Whether a write to it has no outcome yet: nothing is done about it until then."""


@dataclass(frozen=True, slots=True)
class Rearranged:
    """A state with every task where the manifests have it."""

    state: State
    moves: tuple[Move, ...] = ()
    forgotten: tuple[Forgotten, ...] = ()
    """Both in order of the addresses that the tasks have now."""

    waiting: frozenset[Address] = frozenset()
    """Addresses that nothing may be done about."""


@dataclass(frozen=True, slots=True)
class NameFault:
    """Something wrong with an address, in a document of a manifest."""

    source: Source
    """Where the document begins."""

    address: Address | None
    """The one that its task had before; None if it is about what is removed."""

    message: str


def names_of(specs: Iterable[TaskSpec], removed: Mapping[Address, Removal], *, use_marker: bool) -> Names:
    """What these manifests say of addresses."""
    moved = {spec.address: spec.moved_from for spec in specs if spec.moved_from}
    return Names(moved=moved, removed=removed, use_marker=use_marker)


def rearranged(state: State, names: Names, targets: Sequence[Address] = ()) -> Rearranged:
    """The state as the manifests have it; the very same one if they say nothing of addresses.

    With targets, only the moves to them, and only what of them is forgotten.
    """
    moves = [
        move
        for new in sorted(names.moved)
        if (not targets or new in targets) and (move := _move(state, new, names.moved[new]))
    ]
    forgotten = [
        Forgotten(address=address, task_id=_task_id(state, address), waits=address in state.open)
        for address in sorted(names.forgotten)
        if (not targets or address in targets) and _is_known(state, address)
    ]
    if not (moves or forgotten):
        return Rearranged(state)
    waiting = {old for move in moves if move.waits for old in (move.after, *names.moved[move.after])}
    waiting |= {one.address for one in forgotten if one.waits}
    return Rearranged(
        _with(state, moves, forgotten, names), tuple(moves), tuple(forgotten), frozenset(waiting)
    )


def moved_record(record: TaskRecord, before: Address, after: Address, *, use_marker: bool) -> TaskRecord:
    """The record for its new address: it keeps in mind which one the task's marker names."""
    named = record.marked_as or before
    return replace(record, marked_as=named if use_marker and named != after else "")


def current(target: str, names: Names) -> Address:
    """The address of what is called so, or was."""
    return next((new for new, olds in names.moved.items() if target in olds), Address(target))


def collisions(state: State, names: Names, targets: Sequence[Address] = ()) -> Iterator[tuple[Address, ...]]:
    """The addresses of which several have a task, though they are those of one; the new one first."""
    for new, olds in sorted(names.moved.items()):
        found = tuple(address for address in (new, *olds) if address in state.tasks)
        if len(found) > 1 and (not targets or new in targets):
            yield (new, *(address for address in found if address != new))


def name_faults(
    desired: Mapping[Address, TaskSpec], removals: Iterable[Removal]
) -> tuple[dict[Address, Removal], list[NameFault]]:
    """The removals by address, and everything that manifests say of addresses and that cannot be."""
    removed: dict[Address, Removal] = {}
    faults = []
    for removal in removals:
        address, first = removal.address, removed.setdefault(removal.address, removal)
        if first is not removal:
            message = f'"{address}" is removed twice: {first.source} removes it too'
            faults.append(NameFault(removal.source, None, message))
        elif address in desired:
            message = f'"{address}" cannot be removed: {desired[address].source} still describes it'
            faults.append(NameFault(removal.source, None, message))
    faults += _moved_faults(desired, removed)
    return removed, faults


def _moved_faults(
    desired: Mapping[Address, TaskSpec], removed: Mapping[Address, Removal]
) -> Iterator[NameFault]:
    claimed: dict[Address, TaskSpec] = {}
    for spec in desired.values():
        for old in spec.moved_from:
            first = claimed.setdefault(old, spec)
            if old in desired:
                yield NameFault(spec.source, old, _still_there(desired[old], spec))
            elif first is not spec:
                why = f'"{old}" has moved to "{first.address}" already: {first.source} says so'
                yield NameFault(spec.source, old, why)
            elif old in removed:
                why = f'"{old}" cannot have moved here: {removed[old].source} removes it'
                yield NameFault(spec.source, old, why)


def _still_there(other: TaskSpec, spec: TaskSpec) -> str:
    """Why the task of an address has not moved; and how to rename several in a row."""
    old, before = other.address, other.moved_from
    why = f'"{old}" is still an address: {other.source} has it, so it has not moved here'
    if not before:
        return why
    if spec.address in before:
        return f"{why}; to swap two addresses, go by way of a third one, with one apply for each step"
    return f'{why}; move it in one apply, and in the next, without this line, "{before[0]}" to "{old}"'


def _move(state: State, new: Address, olds: Sequence[Address]) -> Move | None:
    """The move to a new address, or None if there is nothing to move."""
    found = [old for old in olds if _is_known(state, old)]
    if not found:
        return None
    is_clear = len(found) == 1 and found[0] not in state.open and not _is_known(state, new)
    return Move(before=found[0], after=new, task_id=_task_id(state, found[0]), waits=not is_clear)


def _with(state: State, moves: Iterable[Move], forgotten: Iterable[Forgotten], names: Names) -> State:
    tasks = dict(state.tasks)
    for move in moves:
        if not move.waits:
            record = tasks.pop(move.before)
            tasks[move.after] = moved_record(record, move.before, move.after, use_marker=names.use_marker)
    for one in forgotten:
        if not one.waits:
            del tasks[one.address]
    return replace(state, tasks=tasks)


def _is_known(state: State, address: Address) -> bool:
    return address in state.tasks or address in state.open


def _task_id(state: State, address: Address) -> TaskId | None:
    record = state.tasks.get(address)
    return None if record is None else record.task_id
