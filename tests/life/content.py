"""Tasks as people make them, from a source of chance: what they hold, and other values for it."""

import itertools
import json
from random import Random
from typing import Any

from life.trees import KEYS, SETTINGS, Tree, label, meaning

NUMBERS = {
    "SyncType": (1, 2),
    **dict.fromkeys(("CycleType", "CycleStep", "DelayTime", "RetryWait", "Retriable", "TryLimit"), range(7)),
    **dict.fromkeys(("RunPriority", "TaskNameExistMode"), range(2)),
    "SelfDepend": (1, 2, 3),
}
TRUTHS = frozenset({"TaskAutoSubmit", "IsImport"})
_LISTED = {
    "TaskMode": ("0", "1", "3"),
    "NodeType": ("INPUT", "OUTPUT"),
    "DataSourceType": ("MYSQL", "KAFKA", "DLC", "TiDB"),
    "DependencyWorkflow": ("yes", "no"),
    "InstanceInitStrategy": ("T_PLUS_0", "T_PLUS_1"),
}
"""Texts that the definition lists; others are taken too."""

_WORDS = (
    "orders",
    "lake",
    "kunden",
    "Ströme",
    "日志",
    "daily load",
    "a.b",
    "x'y",
    'said "so"',
    "über → unter",
)
_PLAIN = (
    *("1", "0", "-1", "5", "5.0", "0.1", "007", "1e3", "0x10", "1:30", "true", "false", "no", "null", "~"),
    *("2026-01-01 00:00:00", "*/5 * * * *", "a: b", "a #b", "- a", "%a", "@a", "`a`", "&a", "*a", "|", ">"),
    *(
        "",
        " leading",
        "trailing ",
        "tab\there",
        "line\nline",
        "line\n",
        "\n",
        "a\r\nb",
        "[provisioner",
        "{not",
    ),
    *(
        "\u00e9\u0301",
        "\U0001f600",
        "\u2028",
        "\u0085",
        "\ufeffmark",
        "\x07bell",
        "\x7f",
        "<b>&amp;</b>",
        "\\n",
    ),
)
_NAMES = (
    *(
        "concurrency",
        "Database",
        "Table",
        "batch size",
        "user.password",
        "access_key",
        "größe",
        "表",
        "key",
        "No",
    ),
    *('q"uote', "back\\slash", "true", "1", "a.b.c", "[0]", "(order)", "Name", "Value", "Config", "-", "yes"),
)
_TASK_FIELDS = ("Description", "ExecutorId", "WorkflowId", "Incharge")
_NODE_FIELDS = ("NodeType", "DataSourceType", "Description", "DatasourceId")
_COLUMN_FIELDS = ("Value", "Alias", "Comment")
_SCHEDULE_FIELDS = (
    *("WorkflowName", "DependencyWorkflow", "StartTime", "EndTime", "CycleType", "CycleStep", "DelayTime"),
    *("CrontabExpression", "RetryWait", "Retriable", "TryLimit", "RunPriority", "ProductName", "SelfDepend"),
    *("TaskAction", "TaskAutoSubmit", "InstanceInitStrategy"),
)
FIELDS = {
    (): (*_TASK_FIELDS, "TaskMode"),
    "Nodes": _NODE_FIELDS,
    "Schema": _COLUMN_FIELDS,
    "SourceSchema": _COLUMN_FIELDS,
    "OfflineTaskAddEntity": _SCHEDULE_FIELDS,
}
"""Fields that an object may have or not, by the list or field that it stands in."""

HOLDERS = {
    (): ("Config", "ExtConfig", "ExecuteContext"),
    "Nodes": ("Config", "ExtConfig"),
    "Schema": ("Properties",),
    "SourceSchema": ("Properties",),
    "Mappings": ("ExtConfig",),
    "NodeMapping": ("ExtConfig",),
}
"""The same for name-value lists."""


class Maker:
    """Makes content. Every name that must be unique is."""

    def __init__(self, random: Random, *, is_china: bool) -> None:
        self.random = random
        self._is_china = is_china
        self._number = 0

    def unique(self, stem: str) -> str:
        """A name that there is not yet."""
        self._number += 1
        return f"{stem}{self._number}"

    # ── single values ───────────────────────────────────────────────────────

    def text(self) -> str:
        """Any text, also an empty one."""
        random = self.random
        match random.randrange(10):
            case 0 | 1 | 2:
                return random.choice(_WORDS)
            case 3 | 4 | 5:
                return random.choice(_PLAIN)
            case 6:
                return json.dumps(
                    self._json(2), ensure_ascii=random.random() < 0.5, indent=random.choice((None, 1))
                )
            case 7 if random.random() < 0.4:
                return "\n".join(
                    [random.choice(_WORDS) * random.randint(1, 9)] * random.choice((1, 2, 3, 40))
                )
            case _:
                return str(random.choice((random.randint(-5, 10**12), random.random())))

    def _json(self, depth: int) -> Any:
        random = self.random
        if depth == 0:
            return random.choice((1, 1.5, True, False, None, "1", "ü", "[]"))
        size = random.randint(0, 3)
        if random.random() < 0.5:
            return [self._json(depth - 1) for _ in range(size)]
        return {random.choice(_WORDS): self._json(depth - 1) for _ in range(size)}

    def filled(self) -> str:
        """A text that is not empty."""
        return self.text() or "x"

    def value(self, name: str, *, is_setting: bool = False) -> Any:
        """A value that a field or a setting may have."""
        if is_setting:
            return self.text()
        if name in NUMBERS:
            return self.random.choice(NUMBERS[name])
        if name in TRUTHS:
            return self.random.random() < 0.5
        if name in _LISTED and self.random.random() < 0.97:
            return self.random.choice(_LISTED[name])
        text = self.filled()
        # That is how the service shows that there is none.
        return "7" if (name, text) == ("WorkflowId", "-1") else text

    def other(self, old: Any, name: str, *, is_setting: bool = False) -> Any:
        """A value that says something else than the old one."""
        while meaning(new := self.value(name, is_setting=is_setting)) == meaning(old):
            pass
        return new

    # ── tasks and their parts ───────────────────────────────────────────────

    def task(self, name: str) -> Tree:
        """A whole task."""
        random = self.random
        is_offline = random.random() < 0.35
        tree: Tree = {
            "TaskName": name,
            "TaskType": 202 if is_offline else 201,
            "SyncType": random.choice((1, 2)),
        }
        tree.update(self._some(_TASK_FIELDS))
        if random.random() < 0.5:
            tree["TaskMode"] = self.value("TaskMode")
        tree.update(self._holders(()))
        if is_offline:
            tree["OfflineTaskAddEntity"] = self._some(_SCHEDULE_FIELDS, 0.4) or {"CycleType": 3}
        self._give_nodes(tree)
        if self._is_china and random.random() < 0.5:
            tags = [self.new_item("TagList") for _ in range(random.randint(1, 3))]
            tree["TagList"] = {tag["Key"]: tag for tag in tags}
            tree["TaskImportInfo"] = {"WorkFlowName": self.filled(), "IsImport": False}
        return tree

    def _give_nodes(self, tree: Tree) -> None:
        random = self.random
        nodes = [self.node() for _ in range(random.choice((0, 1, 2, 2, 2, 3)))]
        if nodes:
            tree["Nodes"] = {node["Name"]: node for node in nodes}
        if len(nodes) > 1 and random.random() < 0.8:
            tree["Mappings"] = {}
            for one, other in itertools.pairwise(nodes):
                mapping = self.mapping(one["Id"], other["Id"])
                tree["Mappings"][label(mapping, "Mappings")] = mapping

    def node(self) -> Tree:
        """A reader or writer."""
        random = self.random
        node: Tree = {"Name": self.unique(random.choice(_WORDS)), "Id": self.unique("")}
        node.update(self._some(_NODE_FIELDS, 0.7))
        node.update(self._holders("Nodes"))
        if random.random() < 0.6:
            node["Schema"] = self.columns()
        if random.random() < 0.2:
            mapping = self.mapping(self.unique("s"), node["Id"])
            node["NodeMapping"] = mapping
        return node

    def columns(self) -> Tree:
        """Columns in an order that counts."""
        columns = [self.column() for _ in range(self.random.randint(1, 4))]
        return {column["Id"]: column for column in columns}

    def column(self) -> Tree:
        """One column."""
        column: Tree = {
            "Id": self.unique("10"),
            "Name": self.filled(),
            "Type": self.random.choice(("bigint", "string")),
        }
        column.update(self._some(_COLUMN_FIELDS, 0.2))
        if self.random.random() < 0.15:
            column["Properties"] = self.settings()
        return column

    def mapping(self, source: str, sink: str) -> Tree:
        """What feeds what."""
        random = self.random
        mapping: Tree = {"SourceId": source, "SinkId": sink}
        if random.random() < 0.3:
            mapping["SourceSchema"] = self.columns()
        pairs = [self.pair() for _ in range(random.randint(0, 3))]
        if pairs:
            mapping["SchemaMappings"] = {label(pair, "SchemaMappings"): pair for pair in pairs}
        if random.random() < 0.2:
            mapping["ExtConfig"] = self.settings()
        return mapping

    def pair(self) -> Tree:
        """Which column feeds which."""
        return {"SourceSchemaId": self.unique("1"), "SinkSchemaId": self.unique("2")}

    def settings(self) -> Tree:
        """A few settings; at least one."""
        return {name: self.text() for name in self._names() or ["key"]}

    def setting_name(self) -> str:
        """A name that a setting may have."""
        return self.random.choice(_NAMES)

    def _names(self) -> list[str]:
        return self.random.sample(_NAMES, self.random.randint(0, 3))

    def _holders(self, where: str | tuple[()]) -> Tree:
        return {name: self.settings() for name in HOLDERS[where] if self.random.random() < 0.4}

    def _some(self, names: tuple[str, ...], share: float = 0.5) -> Tree:
        return {name: self.value(name) for name in names if self.random.random() < share}

    def new_item(self, name: str) -> Tree:
        """An item for a list."""
        match name:
            case "Nodes":
                return self.node()
            case "Schema" | "SourceSchema":
                return self.column()
            case "SchemaMappings":
                return self.pair()
            case "TagList":
                return {"Key": self.unique("tag"), "Value": self.filled()}
            case _:
                return self.mapping(self.unique("s"), self.unique("t"))


def kind_of(path: tuple[str, ...]) -> str | tuple[()]:
    """In which list or field an object stands."""
    if not path:
        return ()
    return path[-2] if len(path) > 1 and path[-2] in KEYS else path[-1]


def is_setting(path: tuple[str, ...]) -> bool:
    """Whether a path leads to a setting of a name-value list."""
    return len(path) > 1 and path[-2] in SETTINGS
