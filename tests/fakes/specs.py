"""Small tasks as manifests ask for them."""

from collections.abc import Iterable

from builders import a_spec
from provisioner.core.address import Address
from provisioner.core.jobs.job import RunSpec
from provisioner.core.json_types import JSONObject
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.task_types import REAL_TIME


def spec_of(
    name: str,
    info: JSONObject | None = None,
    *,
    project_id: str = "p1",
    prevent_destroy: bool = False,
    run: RunSpec | None = None,
    moved_from: Iterable[str] = (),
) -> TaskSpec:
    """A small task as asked for; ``info`` is put over its TaskInfo."""
    body: JSONObject = {
        "TaskName": name,
        "TaskType": REAL_TIME,
        "Description": f"about {name}",
        "Config": {"parallelism": "1"},
        **(info or {}),
    }
    return a_spec(
        name, body, project_id=project_id, prevent_destroy=prevent_destroy, run=run, moved_from=moved_from
    )


def desired_of(specs: Iterable[TaskSpec]) -> dict[Address, TaskSpec]:
    """Specs by address."""
    return {spec.address: spec for spec in specs}
