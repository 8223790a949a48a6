"""Which ids nodes have, and what points to them.

Rule: a node's id is the service's to give. Whether it keeps the one that was written, and whether what
points to a node follows when it does not, is unknown and a switch.
"""

from collections.abc import Mapping
from typing import Any

KEEP, RENUMBER, RENUMBER_ALL = "keep", "renumber", "renumber_all"
_FIRST_ID = 90_000
"""Source: ids of five and six digits are those seen in real replies."""


def with_node_ids(info: Mapping[str, Any], how: str) -> dict[str, Any]:
    """TaskInfo in which every node has an id: as written, or the service's own.

    With ``renumber_all``, mappings follow; with ``renumber``, they are left as they were written.
    """
    nodes = info.get("Nodes") or []
    if not nodes:
        return dict(info)
    given = [node.get("Id") for node in nodes]
    ids = [
        written if written and how == KEEP else str(_FIRST_ID + index) for index, written in enumerate(given)
    ]
    numbered = [{**node, "Id": node_id} for node, node_id in zip(nodes, ids, strict=True)]
    if how != RENUMBER_ALL:
        return {**info, "Nodes": numbered}
    renumbered = {written: node_id for written, node_id in zip(given, ids, strict=True) if written}
    for node in numbered:
        if node.get("NodeMapping"):
            node["NodeMapping"] = _repointed(node["NodeMapping"], renumbered)
    result = {**info, "Nodes": numbered}
    if info.get("Mappings"):
        result["Mappings"] = [_repointed(mapping, renumbered) for mapping in info["Mappings"]]
    return result


def _repointed(mapping: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """A mapping between the same nodes under their new ids; what points nowhere stays."""
    ends = {name: ids.get(mapping[name], mapping[name]) for name in ("SourceId", "SinkId") if name in mapping}
    return {**mapping, **ends}
