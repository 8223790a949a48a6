"""A command imports what it uses: start-up is what people feel."""

import subprocess
import sys

import pytest

from projects import Project, task_manifest

HEAVY = {
    "argparse",
    "asyncio",
    "concurrent",
    "dataclasses",
    "deepdiff",
    "http",
    "importlib.metadata",
    "jsonschema",
    "jsonschema_rs",
    "logging",
    "multiprocessing",
    "numpy",
    "pathlib",
    "requests",
    "rich",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "unittest",
    "urllib3",
    "yaml",
    "provisioner.cloud",
    "provisioner.core.api.calls",
    "provisioner.core.api.replies",
    "provisioner.core.api.task_api",
    "provisioner.core.state.journal",
    "provisioner.core.plan.guard",
    "provisioner.core.plan.plan",
    "provisioner.core.plan.planner",
    "provisioner.emulator",
    "provisioner.engine",
    "provisioner.render",
    "provisioner.store.reading.strict_json",
}
"""What takes more than a few milliseconds, or belongs to other commands."""

PARSED = {"argparse", "dataclasses"}
OPENED = {*PARSED, "jsonschema_rs", "yaml", "provisioner.core.state.journal"}
PLANNED = {
    *OPENED,
    "provisioner.core.plan.guard",
    "provisioner.core.plan.plan",
    "provisioner.core.plan.planner",
    "provisioner.render",
}

ALLOWED = {
    "version": set(),
    "--version": set(),
    "--help": set(),
    "version --json": PARSED,
    "plan --help": PARSED,
    "completion bash": PARSED,
    "schema": PARSED,
    "validate": PLANNED,
    "plan": PLANNED,
    "plan --json": PLANNED,
    "plan --detailed-exitcode --env prod": {*PLANNED, "provisioner.cloud", "threading"},
    "show": PLANNED,
    "state list": PLANNED,
    "force-unlock": PLANNED,
}
"""Beside the base of ``core``."""

PROGRAM = """
import sys
before = set(sys.modules)
from provisioner.cli import main
main(sys.argv[1:])
print(*(set(sys.modules) - before), file=sys.stderr)
"""


MOST_MODULES = {"version": 2, "--version": 2, "plan": 80}
"""Own modules that a command may load; each costs a fraction of a millisecond of start-up."""


def imported(project: Project, arguments: str) -> set[str]:
    """The modules that a run of these arguments in a new process imports."""
    ran = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, *arguments.split()],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stderr.splitlines()[-1].split())


def heavy(project: Project, arguments: str) -> set[str]:
    """The heavy ones among them."""
    return HEAVY & imported(project, arguments)


@pytest.mark.parametrize("arguments", ALLOWED)
def test_a_command_imports_nothing_that_it_does_not_use(project: Project, arguments: str) -> None:
    """Not even once, by way of another module."""
    project.write("manifests/a.yaml", task_manifest("a"))
    if "--env" in arguments:
        # An endpoint that is not the embedded one is looked at.
        settings = project.root / "provisioner.yaml"
        prod = "environments: {prod: {endpoint: wedata.intl.tencentcloudapi.com, state: prod.state.json}}\n"
        settings.write_text(settings.read_text() + prod)
    assert heavy(project, arguments) <= ALLOWED[arguments]


def test_the_list_means_what_is_imported(project: Project) -> None:
    """The modules of the list exist under these names, so that a wrong one is not overlooked."""
    assert {"jsonschema_rs", "yaml", "argparse", "provisioner.core.plan.planner"} <= heavy(project, "plan")


@pytest.mark.parametrize(("arguments", "most"), MOST_MODULES.items())
def test_a_command_loads_few_modules_of_ours(project: Project, arguments: str, most: int) -> None:
    """The first plan has tasks to create, a manifest in JSON among them, and nothing in its cache."""
    project.write("manifests/a.yaml", task_manifest("a"))
    project.write("manifests/b.json", '{"kind": "IntegrationTask", "name": "b", "TaskInfo": {"SyncType": 2}}')
    own = {name for name in imported(project, arguments) if name.partition(".")[0] == "provisioner"}
    assert len(own) <= most, sorted(own)
