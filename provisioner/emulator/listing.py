"""Which tasks a listing shows, and in which order.

Rule: what the documents name is played; any other filter or order is refused or has no effect, as the
switch says. ``StartTime`` and ``EndTime`` are taken and have no effect: what they are compared with is
not documented.

Source: the filter ``TaskId`` and the order by ``CreateTime`` are the vendor's examples'; the filter
``ProductionState`` is the China site's, where listings show the development state unless it is "true".
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from provisioner.emulator.refused import RefusedError
from provisioner.emulator.switches import Switches
from provisioner.emulator.task import COMMITTED, IN_DEVELOPMENT, VISIBLE_FROM, Task, is_of_type

_PRODUCTION = "ProductionState"
_FILTERS = ("TaskId", _PRODUCTION)
_ORDER = "CreateTime"
_DIRECTIONS = ("ASC", "DESC")


def listed(
    tasks: Iterable[Task], parameters: Mapping[str, Any], switches: Switches, *, now: float
) -> list[Task]:
    """Every task that the parameters ask for, in the order that they ask for.

    Raises:
        RefusedError: a filter or an order is unknown.
    """
    filters, orders = parameters.get("Filters") or [], parameters.get("OrderFields") or []
    if switches["production_filter"] == "refuse" and any(one.get("Name") == _PRODUCTION for one in filters):
        raise _unsupported(_PRODUCTION)
    if switches["unknown_filter"] == "refuse":
        _ensure_known(filters, orders)
    found = [task for task in tasks if _is_listed(task, parameters, now) and _passes(task, filters)]
    is_descending = [order.get("Direction") == "DESC" for order in orders if order.get("Name") == _ORDER]
    found.sort(key=lambda task: str(task[_ORDER]), reverse=is_descending[:1] == [True])
    return found


def wants_production(parameters: Mapping[str, Any]) -> bool:
    """Whether a listing is of the production state."""
    filters = parameters.get("Filters") or []
    return any(one.get("Name") == _PRODUCTION and "true" in (one.get("Values") or ()) for one in filters)


def _ensure_known(filters: Sequence[Mapping[str, Any]], orders: Sequence[Mapping[str, Any]]) -> None:
    for one in filters:
        if one.get("Name") not in _FILTERS:
            raise _unsupported(one.get("Name"))
    for order in orders:
        if order.get("Name") != _ORDER or order.get("Direction") not in _DIRECTIONS:
            message = f"The order `{order.get('Name')} {order.get('Direction')}` is not supported."
            raise RefusedError("InvalidParameterValue", message)


def _unsupported(name: object) -> RefusedError:
    return RefusedError("InvalidParameter.InvalidFilterParameter", f"The filter `{name}` is not supported.")


def _is_listed(task: Task, parameters: Mapping[str, Any], now: float) -> bool:
    is_there = task[COMMITTED] is not None if wants_production(parameters) else task[IN_DEVELOPMENT]
    is_visible = task["ProjectId"] == parameters["ProjectId"] and task[VISIBLE_FROM] <= now
    return is_there and is_visible and is_of_type(task, parameters)


def _passes(task: Task, filters: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every filter by TaskId lets it through."""
    wanted = [one.get("Values") or [] for one in filters if one.get("Name") == "TaskId"]
    return all(task["TaskId"] in values for values in wanted)
