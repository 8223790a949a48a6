"""What is known about each field of a task, in one table.

Rule: a fact about a field is a row here and nowhere else. The schema, the canonical form, the
comparison, the wire shapes and the explanations look it up; none of them has an ``if`` for one
field's name.

Source of names, types and spelling: the API definition, version 2021-08-20 (note ``DataSourceType``
beside ``DatasourceId``: that is how the API spells them). Source of the roles: notes in the
definition, the vendor's examples and real replies; where only a judgement was possible the row's
text says "presumably". Values that the definition lists are advice (``values``), because the
vendor's own documented example uses others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from provisioner.core.json_types import JSONValue
from provisioner.core.schema.consequence import Consequence


class Role(StrEnum):
    """Who decides a field's value."""

    INPUT = "input"
    """The author. Sent on create and modify, compared."""

    SHARED = "shared"
    """The author may give it, else the service fills it in. Compared only if it was written."""

    REFERENCE = "reference"
    """An id that other parts of the same body point to. Sent and compared as written; the service
    may renumber it, so it is not compared with what the service shows."""

    MIRROR = "mirror"
    """Repeats something said elsewhere (the project, the task). Sent on create, never compared."""

    SERVICE = "service"
    """The service. Sent on create only, and only if written (the documented example does); never
    compared, never sent back."""


class Kind(StrEnum):
    """The JSON shape the API wants."""

    STRING = "string"
    INTEGER = "integer"
    UNSIGNED = "unsigned integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    STRINGS = "list of strings"
    RECORDS = "name-value list"
    """RecordField list: may be written as a map; canonical form is a map in order of names."""

    OBJECT = "object"
    OBJECTS = "list of objects"


@dataclass(frozen=True, slots=True)
class Effect:
    """What it means for a running job that a field becomes another one."""

    consequence: Consequence
    reason: str


_LABEL = Effect(Consequence.HARMLESS, "it is for people; a running job does not read it")
_AT_RESTART = Effect(
    Consequence.RESTARTS, "a running job goes on with what was submitted until it is submitted and restarted"
)
_AT_NEXT_RUN = Effect(Consequence.RESTARTS, "the schedule in operation is the one that was submitted")
_READ_ELSEWHERE = Effect(Consequence.LOSES_POSITION, "what was read so far was read from elsewhere")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """One field of one API object."""

    name: str
    kind: Kind
    role: Role
    text: str
    """What it is for, one line, shown by editors."""

    item: str = ""
    """For OBJECT and OBJECTS: the name of the object in ``OBJECTS``."""

    key: tuple[str, ...] = ()
    """For OBJECTS: the fields that tell items apart, so that items are matched and not counted."""

    ordered: bool = False
    """For OBJECTS with a key: whether the order of items carries meaning. Where it does not, the
    canonical form sorts by key and a reordering is no change."""

    required: bool = False
    values: tuple[str | int, ...] = ()
    """Values the definition lists. Others draw a warning, never an error."""

    replaces: str = ""
    """Why a change cannot be made in place; empty if it can."""

    effect: Effect | None = None
    """What a change in place means for a running job; None: what the field means that this one lies in."""

    settings: Mapping[str, Effect] = field(default_factory=dict, hash=False)
    """For RECORDS: the settings that mean something else than the others of the list."""

    unset: str = ""
    """What the service shows where the field is not set, beside null and the empty text."""

    china_only: bool = False
    """Declared on the China site only; the international gateway refuses undeclared fields."""

    @property
    def cleared(self) -> JSONValue:
        """The empty value that clears the field; None if the API has none, so that it cannot be cleared."""
        return _CLEARED.get(self.kind)


_CLEARED: Mapping[Kind, JSONValue] = MappingProxyType(
    {Kind.STRING: "", Kind.RECORDS: [], Kind.OBJECTS: [], Kind.STRINGS: [], Kind.OBJECT: {}}
)


def _row(name: str, kind: Kind, role: Role, text: str, **more: object) -> FieldRule:
    return FieldRule(name=name, kind=kind, role=role, text=text, **more)  # type: ignore[arg-type]  # rows below are checked by test_fields


def _input(name: str, kind: Kind, text: str, **more: object) -> FieldRule:
    return _row(name, kind, Role.INPUT, text, **more)


def _shared(name: str, kind: Kind, text: str, **more: object) -> FieldRule:
    return _row(name, kind, Role.SHARED, text, **more)


def _service(name: str, kind: Kind, text: str, **more: object) -> FieldRule:
    return _row(name, kind, Role.SERVICE, text, **more)


_S, _I, _U, _N, _B = Kind.STRING, Kind.INTEGER, Kind.UNSIGNED, Kind.NUMBER, Kind.BOOLEAN
_RECORDS = Kind.RECORDS

DATASOURCE_TYPES = (
    *("MYSQL", "POSTGRE", "ORACLE", "SQLSERVER", "FTP", "HIVE", "HDFS", "ICEBERG", "KAFKA", "HBASE"),
    *("SPARK", "VIRTUAL", "TBASE", "DB2", "DM", "GAUSSDB", "GBASE", "IMPALA", "ES", "S3_DATAINSIGHT"),
    *("GREENPLUM", "PHOENIX", "SAP_HANA", "SFTP", "OCEANBASE", "CLICKHOUSE", "KUDU", "VERTICA", "REDIS"),
    *("COS", "DLC", "DLCV1", "DORIS", "CKAFKA", "DTS_KAFKA", "S3", "CDW", "LOCAL", "TDSQLC", "TDSQL"),
    *("TDSQL_MYSQL", "MONGODB", "INFORMIX", "SYBASE", "REST_API", "SuperSQL", "PRESTO", "DR_SUM", "TiDB"),
    *("StarRocks", "Trino", "Kyuubi", "GDB", "TCHOUSE_X", "TCHOUSE_P", "TDSQL_POSTGRE"),
)

# A task is tied to alarm rules by a setting (the vendor's Terraform provider writes it).
_ALARMS = MappingProxyType(
    {"TaskAlarmRegularList": Effect(Consequence.HARMLESS, "it ties the task to alarm rules")}
)

# What the console keeps with a node (seen in replies): where it stands on the canvas, and how it looks.
_CANVAS = MappingProxyType(
    dict.fromkeys(
        ("x", "y", "iconPosition", "size", "imgHref", "disType"),
        Effect(Consequence.HARMLESS, "it is about the console's canvas"),
    )
)

_TASK = (
    _input(
        "TaskName", _S, "Name shown in the console. Left out, it is the manifest's address.", effect=_LABEL
    ),
    _input(
        "Description", _S, "Free text. The tool appends its ownership marker when it sends it.", effect=_LABEL
    ),
    _input(
        "SyncType",
        _I,
        "1 whole database, 2 single table.",
        values=(1, 2),
        effect=Effect(Consequence.LOSES_POSITION, "it decides which tables are read"),
    ),
    _input(
        "TaskType",
        _I,
        "201 real-time, 202 offline. Left out, the service takes 201.",
        values=(201, 202),
        replaces="a task stays real-time or offline for life",
    ),
    _shared("WorkflowId", _S, "Workflow that holds an offline task.", unset="-1", effect=_AT_NEXT_RUN),
    _service("TaskId", _S, "Given by the service when the task is created."),
    _service("ScheduleTaskId", _S, "The scheduler's own id of the task."),
    _service("TaskGroupId", _S, "Group of the stream engine.", unset="-1"),
    _row("ProjectId", _S, Role.MIRROR, "The project once more; left out, it is filled in."),
    _service("CreatorUin", _S, "Account that created the task."),
    _service("OperatorUin", _S, "Account that last operated the task."),
    _service("OwnerUin", _S, "Account that owns the task."),
    _service("AppId", _S, "Application id of the account."),
    _service(
        "Status",
        _I,
        "Run state: 0 new, 1 not started, 2 in operation, 3 running, 4 suspended, 5 stopping, 6 stopped, "
        "7 failed, 20 abnormal, 21 unknown.",
        values=(0, 1, 2, 3, 4, 5, 6, 7, 20, 21),
    ),
    _input(
        "Nodes",
        Kind.OBJECTS,
        "Readers and writers.",
        item="IntegrationNodeInfo",
        key=("Name",),
        effect=_READ_ELSEWHERE,
    ),
    _input(
        "ExecutorId",
        _S,
        "Resource group that runs the task; a string of digits.",
        effect=Effect(Consequence.RESTARTS, "a running job stays in its resource group until it restarts"),
    ),
    _input("Config", _RECORDS, "Task settings.", effect=_AT_RESTART, settings=_ALARMS),
    _input("ExtConfig", _RECORDS, "Further task settings.", effect=_AT_RESTART, settings=_ALARMS),
    _shared("ExecuteContext", _RECORDS, "Run-time context.", effect=_AT_RESTART),
    _input(
        "Mappings",
        Kind.OBJECTS,
        "Which node feeds which, and column by column.",
        item="IntegrationNodeMapping",
        key=("SourceId", "SinkId"),
        effect=_AT_RESTART,
    ),
    _input(
        "TaskMode",
        _S,
        "0 canvas, 1 form, 3 script.",
        values=("0", "1", "3"),
        replaces="the editing mode is fixed when the task is created",
    ),
    _shared(
        "Incharge",
        _S,
        "Person in charge: account id (real-time) or account name (offline).",
        effect=_LABEL,
    ),
    _input(
        "OfflineTaskAddEntity",
        Kind.OBJECT,
        "Schedule of an offline task.",
        item="OfflineTaskAddParam",
        effect=_AT_NEXT_RUN,
    ),
    _service("ExecutorGroupName", _S, "Name of the resource group."),
    _service("InLongManagerUrl", _S, "Address of the stream manager."),
    _service("InLongStreamId", _S, "Id of the stream."),
    _service("InLongManagerVersion", _S, "Version of the stream manager."),
    _service("DataProxyUrl", Kind.STRINGS, "Addresses of the stream proxy."),
    _service("Submit", _B, "Whether a version has been submitted to operations."),
    _service("InputDatasourceType", _S, "Derived from the nodes.", values=DATASOURCE_TYPES),
    _service("OutputDatasourceType", _S, "Derived from the nodes.", values=DATASOURCE_TYPES),
    _service("NumRecordsIn", _I, "Records read."),
    _service("NumRecordsOut", _I, "Records written."),
    _service("ReaderDelay", _N, "How far reading lags behind."),
    _service("NumRestarts", _I, "Restarts so far."),
    _service("CreateTime", _S, "When it was created; no zone is given."),
    _service("UpdateTime", _S, "When it last changed; run operations count."),
    _service("LastRunTime", _S, "When it last ran."),
    _service("StopTime", _S, "When it stopped."),
    _service("HasVersion", _B, "Whether the job has been submitted."),
    _service("Locked", _B, "Whether somebody holds the editing lock."),
    _service("Locker", _S, "Who holds the editing lock."),
    _service("RunningCu", _N, "Compute units in use."),
    _service("TaskAlarmRegularList", Kind.STRINGS, "Alarm rules tied to the task."),
    _service("SwitchResource", _I, "Progress of moving to another resource group.", values=(0, 1, 2)),
    _service("ReadPhase", _I, "Full or incremental reading.", values=(0, 1, 2)),
    _service("InstanceVersion", _I, "Number of the submitted version."),
    _service("ArrangeSpaceTaskId", _S, "Id in the workflow canvas."),
    _service("OfflineTaskStatus", _I, "1 not submitted, 2 submitted, 3 exported.", values=(1, 2, 3)),
    _input(
        "TaskImportInfo",
        Kind.OBJECT,
        "Where to place the task in the workflow tree.",
        item="TaskImportInfo",
        effect=Effect(Consequence.HARMLESS, "it is read when the task is made"),
        china_only=True,
    ),
    _service("BusinessLatency", _I, "Delay in milliseconds.", china_only=True),
    _service("CurrentSyncPosition", _I, "Position read up to.", china_only=True),
    _input(
        "TagList",
        Kind.OBJECTS,
        "Tags.",
        item="IntegrationTag",
        key=("Key",),
        effect=_LABEL,
        china_only=True,
    ),
    _service("ErrorMessage", _S, "Last error.", china_only=True),
    _service("TaskSubType", _I, "Finer type.", china_only=True),
    _service("NotExistsCheckPoint", _I, "Whether a checkpoint is missing.", values=(0, 1), china_only=True),
    _service("SavePointId", _S, "Last savepoint.", china_only=True),
    _service("SavePointPath", _S, "Where the last savepoint is.", china_only=True),
    _service("LastOperateInfo", Kind.OBJECT, "Last operation.", item="LastOperateInfo", china_only=True),
)

_NODE = (
    _row(
        "Id",
        _S,
        Role.REFERENCE,
        "Number of the node within the task; mappings point to it.",
        effect=_AT_RESTART,
    ),
    _row("TaskId", _S, Role.MIRROR, "The task once more."),
    _input("Name", _S, "Name of the node, unique within the task."),
    _input("NodeType", _S, "INPUT reads, OUTPUT writes.", values=("INPUT", "OUTPUT")),
    _input("DataSourceType", _S, "Kind of data source.", values=DATASOURCE_TYPES),
    _input("Description", _S, "Free text.", effect=_LABEL),
    _input("DatasourceId", _S, "The data source; a string of digits."),
    _input(
        "Config",
        _RECORDS,
        "Settings of the reader or writer.",
        effect=Effect(Consequence.LOSES_POSITION, "any setting of a reader may say where reading begins"),
    ),
    _input("ExtConfig", _RECORDS, "Further settings.", effect=_AT_RESTART, settings=_CANVAS),
    _input(
        "Schema",
        Kind.OBJECTS,
        "Columns, in order.",
        item="IntegrationNodeSchema",
        key=("Id",),
        ordered=True,
        effect=_AT_RESTART,
    ),
    _input(
        "NodeMapping",
        Kind.OBJECT,
        "The mapping into this node.",
        item="IntegrationNodeMapping",
        effect=_AT_RESTART,
    ),
    _service("AppId", _S, "Application id of the account."),
    _row("ProjectId", _S, Role.MIRROR, "The project once more."),
    _service("CreatorUin", _S, "Account that created the node."),
    _service("OperatorUin", _S, "Account that last changed the node."),
    _service("OwnerUin", _S, "Account that owns the node."),
    _service("CreateTime", _S, "When the node was created."),
    _service("UpdateTime", _S, "When the node last changed."),
)

_RECORD = (
    _input("Name", _S, "Name of the setting.", required=True),
    _input("Value", _S, "Its value, as text."),
)

_SCHEMA = (
    _input("Id", _S, "Number of the column, chosen by the author; mappings point to it.", required=True),
    _input("Name", _S, "Column name.", required=True),
    _input("Type", _S, "Column type.", required=True),
    _input("Value", _S, "Constant value."),
    _input("Properties", _RECORDS, "Column settings."),
    _input("Alias", _S, "Other name."),
    _input("Comment", _S, "Free text.", effect=_LABEL),
    _input("Category", _S, "Group of the column.", china_only=True),
)

_MAPPING = (
    _input("SourceId", _S, "Id of the node that feeds."),
    _input("SinkId", _S, "Id of the node that is fed."),
    _input(
        "SourceSchema",
        Kind.OBJECTS,
        "Columns of the feeding node.",
        item="IntegrationNodeSchema",
        key=("Id",),
        ordered=True,
    ),
    _input(
        "SchemaMappings",
        Kind.OBJECTS,
        "Pairs of columns.",
        item="IntegrationNodeSchemaMapping",
        key=("SourceSchemaId", "SinkSchemaId"),
    ),
    _input("ExtConfig", _RECORDS, "Further settings."),
)

_PAIR = (
    _input("SourceSchemaId", _S, "Id of the column that feeds.", required=True),
    _input("SinkSchemaId", _S, "Id of the column that is fed.", required=True),
)

# The definition marks 14 of these 19 as required, but the vendor's own Terraform provider leaves
# several of them out, so nothing is required here: the service decides.
_OFFLINE = (
    _input("WorkflowName", _S, "Workflow that holds the task."),
    _input("DependencyWorkflow", _S, "Whether it waits for its workflow.", values=("yes", "no")),
    _input("StartTime", _S, "From when on it is scheduled: yyyy-MM-dd HH:mm:ss."),
    _input("EndTime", _S, "Until when it is scheduled."),
    _input(
        "CycleType",
        _U,
        "0 cron, 1 minute, 2 hour, 3 day, 4 week, 5 month, 6 once.",
        values=(0, 1, 2, 3, 4, 5, 6),
    ),
    _input("CycleStep", _U, "Every how many units it runs."),
    _input("DelayTime", _U, "Minutes after the start of the cycle."),
    _input("CrontabExpression", _S, "Cron expression, with CycleType 0."),
    _input("RetryWait", _U, "Minutes between tries."),
    _input("Retriable", _U, "1 if a failed run is tried again."),
    _input("TryLimit", _U, "How many tries."),
    _input("RunPriority", _U, "Priority among waiting runs."),
    _input("ProductName", _S, "Product that runs it."),
    _input(
        "SelfDepend",
        _U,
        "1 one after another in order, 2 one after another in any order, 3 in parallel.",
        values=(1, 2, 3),
    ),
    _input("TaskAction", _S, "Days on which it runs, for weekly and monthly cycles."),
    _input("ExecutionEndTime", _S, "Until what time of day."),
    _input("ExecutionStartTime", _S, "From what time of day."),
    _input("TaskAutoSubmit", _B, "Whether it is submitted without a click."),
    _input("InstanceInitStrategy", _S, "When instances are generated.", values=("T_PLUS_0", "T_PLUS_1")),
)

_IMPORT = (
    _input("IsImport", _B, "Whether to place the task."),
    _input("IsNewWorkFlow", _B, "Whether the workflow is to be made."),
    _input("WorkFlowFolderId", _S, "Folder id."),
    _input("WorkFlowFolderName", _S, "Folder name."),
    _input("WorkFlowId", _S, "Workflow id."),
    _input("WorkFlowName", _S, "Workflow name."),
    _input("TaskNameExistMode", _U, "What to do if the name is taken.", values=(0, 1)),
    _input("WorkFlowFolderPath", _S, "Folder path."),
)

_TAG = (_input("Key", _S, "Tag name."), _input("Value", _S, "Tag value."))

_LAST_OPERATION = (
    _service("TaskEvent", _S, "What was done."),
    _service("OperateId", _S, "Id of the operation."),
    _service("ErrorMsg", _S, "Its error."),
    _service("CreatedTime", _S, "When it began."),
    _service("UpdatedTime", _S, "When it last changed."),
)


def _index(rows: tuple[FieldRule, ...]) -> Mapping[str, FieldRule]:
    return MappingProxyType({row.name: row for row in rows})


TASK = "IntegrationTaskInfo"

OBJECTS: Mapping[str, Mapping[str, FieldRule]] = MappingProxyType(
    {
        TASK: _index(_TASK),
        "IntegrationNodeInfo": _index(_NODE),
        "RecordField": _index(_RECORD),
        "IntegrationNodeSchema": _index(_SCHEMA),
        "IntegrationNodeMapping": _index(_MAPPING),
        "IntegrationNodeSchemaMapping": _index(_PAIR),
        "OfflineTaskAddParam": _index(_OFFLINE),
        "TaskImportInfo": _index(_IMPORT),
        "IntegrationTag": _index(_TAG),
        "LastOperateInfo": _index(_LAST_OPERATION),
    }
)
"""Object name -> field name -> rule, for IntegrationTaskInfo and everything it contains."""
