"""Whether a value is what the definition declares: names, types, ranges, what must be there.

Rule: the first thing that is wrong is named with its path, in the words of real replies.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provisioner.emulator.definition import Definition, Field
from provisioner.emulator.refused import RefusedError

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "int64": int,
    "uint64": int,
    "float": (int, float),
    "bool": bool,
    "object": dict,
    "list": list,
}
_RANGES: Mapping[str, tuple[float, float]] = {
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
    "float": (-sys.float_info.max, sys.float_info.max),
}


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks values against the definition."""

    definition: Definition
    knows_china: bool
    """Whether fields of the China site are declared."""

    takes_null: bool
    """Whether an explicit null passes as what is not there."""

    def check(self, value: Mapping[str, Any], name: str, path: str = "") -> None:
        """Let an object of that name pass.

        Raises:
            RefusedError: UnknownParameter, InvalidParameter or MissingParameter, with the path.
        """
        fields = self.definition.objects[name]
        for key, item in value.items():
            field = fields.get(key)
            if field is None or (field.china_only and not self.knows_china):
                raise RefusedError("UnknownParameter", f"The parameter `{path}{key}` is not recognized.")
            self._check_value(item, field, f"{path}{key}")
        for field in fields.values():
            # Inside objects "required" is not enforced: the vendor's own tools leave such fields out.
            if field.required and not path and value.get(field.name) is None:
                message = f"The request is missing a required parameter `{field.name}`."
                raise RefusedError("MissingParameter", message)

    def _check_value(self, value: object, field: Field, path: str) -> None:
        if value is None and self.takes_null:
            return
        _ensure_type(value, field.type, path)
        if isinstance(value, dict):
            self.check(value, field.item, f"{path}.")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if field.item in _TYPES:
                    _ensure_type(item, field.item, f"{path}.{index}")
                else:
                    _ensure_type(item, "object", f"{path}.{index}")
                    self.check(item, field.item, f"{path}.{index}.")


def _ensure_type(value: object, type_: str, path: str) -> None:
    fits = isinstance(value, _TYPES[type_]) and isinstance(value, bool) == (type_ == "bool")
    if fits and type_ in _RANGES and isinstance(value, int | float):
        lowest, highest = _RANGES[type_]
        fits = lowest <= value <= highest
    if not fits:
        message = f"The value type of parameter `{path}` is not valid, input type should be `{type_}` "
        raise RefusedError("InvalidParameter", message)
