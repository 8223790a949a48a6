"""The API's actions by name, and what a call of one is.

Rule: names of the API stand in this package and nowhere above.

Source: the API definition, version 2021-08-20.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from provisioner.core.jobs.job import Step
from provisioner.core.json_types import JSONObject
from provisioner.core.schema.fields import OBJECTS
from provisioner.core.schema.fields import Kind as FieldKind

VERSION = "2021-08-20"

CREATE = "CreateIntegrationTask"
MODIFY = "ModifyIntegrationTask"
DELETE = "DeleteIntegrationTask"
DELETE_OFFLINE = "DeleteOfflineTask"
DESCRIBE = "DescribeIntegrationTask"
LIST = "DescribeIntegrationTasks"
LOCK = "LockIntegrationTask"
UNLOCK = "UnlockIntegrationTask"
LOCK_STATUS = "DescribeTaskLockStatus"
ROB_LOCK = "RobAndLockIntegrationTask"
COMMIT = "CommitIntegrationTask"
RUN_ACTIONS: Mapping[Step, str] = {
    Step.START: "StartIntegrationTask",
    Step.STOP: "StopIntegrationTask",
    Step.SUSPEND: "SuspendIntegrationTask",
    Step.RESUME: "ResumeIntegrationTask",
}
"""The steps that leave the version in production as it is."""

RECORD_FIELDS = frozenset(
    name for rules in OBJECTS.values() for name, rule in rules.items() if rule.kind is FieldKind.RECORDS
)
"""Fields that are lists of Name and Value; in canonical form they are maps."""


Filters: TypeAlias = Sequence[tuple[str, str]]
"""Names and values, all of which have to fit."""

IN_PRODUCTION: Filters = (("ProductionState", "true"),)
"""Source: the China site's definition; listings show the development state unless it is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: the API action and its parameters."""

    action: str
    parameters: JSONObject
