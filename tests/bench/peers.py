"""Other tools at the same job, in the same run: Terraform if it is installed, octoDNS from the package index.

Terraform plans ``terraform_data``, which is built in: a resource for each task, with the task as its input, a text of
JSON, once written down and once made from the manifests by ``yamldecode``. That leaves out what a provider would add;
with the input as an object, which would show what changed in it, a plan takes five times as long.
octoDNS plans a record for each task; a record has 40 bytes, and a task 3 KB. Nobody calls a network.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from corpus import write_project
from measure import GROWTH, Cost, Table, publish, run

ROUNDS = 3
_EDITED = "task-000007"


def peers() -> None:
    """Every figure, printed one by one and written to the report."""
    sizes = [1_000, 10_000]
    table = Table(sizes)
    terraform = shutil.which("terraform")
    if terraform is not None:
        for size in (100, 1_000):
            _terraform(table, terraform, "Terraform, JSON", _as_json, size)
        for size in (100, 1_000):
            _terraform(table, terraform, "Terraform, `yamldecode`", _as_yaml, size)
    with tempfile.TemporaryDirectory() as folder:
        octodns = _installed("octodns", "octodns-sync", folder)
        if octodns is not None:
            for size in (100, 1_000, 10_000):
                _octodns(table, octodns, size)
    publish("peers", table)


def _installed(package: str, program: str, folder: str) -> str | None:
    """A program of the package index, in an environment of its own; None if it cannot be had."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    pip = [os.path.join(folder, "bin", "python"), "-m", "pip", "install", package]
    for command in ([sys.executable, "-m", "venv", folder], pip):
        if subprocess.run(command, check=False, **quiet).returncode != 0:  # type: ignore[call-overload]
            return None
    return os.path.join(folder, "bin", program)


def _put(table: Table, tool: str, size: int, cold: Cost, same: Cost, edited: Cost) -> None:
    if size in table.sizes:
        table.put(f"{tool}: cold plan", size, str(cold), "")
        table.put(f"{tool}: nothing changed", size, str(same), "")
        table.put(f"{tool}: one changed", size, str(edited), "")
        table.put(f"{tool}: peak memory", size, f"{same.peak_mb:.0f} MB", "")
    GROWTH[tool.replace("`", "")][size] = same.wall_seconds


def _median(
    command: list[str], folder: str, environ: dict[str, str] | None = None, rounds: int = ROUNDS
) -> Cost:
    costs = [run(command, folder, environ) for _ in range(rounds)]
    return sorted(costs, key=lambda cost: cost.wall_seconds)[len(costs) // 2]


# ── Terraform ───────────────────────────────────────────────────────────────

Written = Callable[[str, Mapping[str, Mapping[str, Any]]], None]


def _as_json(folder: str, tasks: Mapping[str, Mapping[str, Any]]) -> None:
    resources = {name: {"input": _text(task)} for name, task in tasks.items()}
    with open(os.path.join(folder, "main.tf.json"), "w", encoding="utf-8") as file:
        json.dump({"resource": {"terraform_data": resources}}, file)


def _as_yaml(folder: str, _tasks: Mapping[str, Mapping[str, Any]]) -> None:
    with open(os.path.join(folder, "main.tf"), "w", encoding="utf-8") as file:
        file.write(
            'resource "terraform_data" "task" {\n'
            '  for_each = fileset(path.module, "manifests/**/*.yaml")\n'
            "  input    = jsonencode(yamldecode(file(each.key)).TaskInfo)\n}\n"
        )


def _terraform(table: Table, terraform: str, tool: str, write: Written, size: int) -> None:
    environ = {
        **os.environ,
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_CLI_CONFIG_FILE": os.devnull,
    }
    command = [terraform, "plan", "-input=false", "-no-color", "-lock=false"]
    rounds = ROUNDS if size < 1_000 else 1
    with tempfile.TemporaryDirectory() as folder:
        write_project(folder, size)
        tasks = _tasks_of(folder)
        write(folder, tasks)
        quiet = subprocess.DEVNULL
        subprocess.run([terraform, "init", "-input=false"], cwd=folder, env=environ, check=True, stdout=quiet)
        cold = _median(command, folder, environ, rounds)
        _write_state(folder, tasks, is_each=write is _as_yaml)
        same = _median(command, folder, environ, rounds)
        name = next(name for name in tasks if name.endswith("000007"))
        tasks[name]["Description"] = "edited"
        write(folder, tasks)
        _edit(os.path.join(folder, "manifests", "team-0000", f"{_EDITED}.yaml"))
        edited = _median(command, folder, environ, rounds)
    _put(table, tool, size, cold, same, edited)


def _tasks_of(folder: str) -> dict[str, dict[str, Any]]:
    """Name -> TaskInfo of every manifest."""
    tasks = {}
    for below, _, names in os.walk(os.path.join(folder, "manifests")):
        for name in sorted(names):
            with open(os.path.join(below, name), encoding="utf-8") as file:
                document = yaml.load(file, yaml.CSafeLoader)
            tasks[document["name"]] = document["TaskInfo"]
    return tasks


def _edit(path: str) -> None:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("  Description: ", "  Description: edited, "))


def _write_state(folder: str, tasks: Mapping[str, Mapping[str, Any]], *, is_each: bool) -> None:
    """What an apply of all of it leaves; the apply itself takes minutes."""
    instances = [
        {
            **({"index_key": _manifest_of(name)} if is_each else {}),
            "schema_version": 0,
            "attributes": {
                "id": f"df31b3ea-2b77-5377-5f60-{number:012d}",
                "input": {"value": _text(task), "type": "string"},
                "output": {"value": _text(task), "type": "string"},
                "triggers_replace": None,
            },
            "sensitive_attributes": [],
        }
        for number, (name, task) in enumerate(tasks.items())
    ]
    resource = {
        "mode": "managed",
        "type": "terraform_data",
        "provider": 'provider["terraform.io/builtin/terraform"]',
    }
    if is_each:
        resources = [{**resource, "name": "task", "instances": instances}]
    else:
        resources = [
            {**resource, "name": name, "instances": [one]} for name, one in zip(tasks, instances, strict=True)
        ]
    state = {
        "version": 4,
        "terraform_version": "1.11.4",
        "serial": 1,
        "lineage": "eea147f3-241e-6771-2ee7-8dc0c7486121",
        "outputs": {},
        "resources": resources,
        "check_results": None,
    }
    with open(os.path.join(folder, "terraform.tfstate"), "w", encoding="utf-8") as file:
        json.dump(state, file)


def _manifest_of(name: str) -> str:
    number = int(name.rpartition("-")[2])
    return f"manifests/team-{number // 100:04d}/task-{number:06d}.yaml"


def _text(task: Mapping[str, Any]) -> str:
    """As Terraform's ``jsonencode`` writes it."""
    return json.dumps(task, sort_keys=True, separators=(",", ":"))


# ── octoDNS ─────────────────────────────────────────────────────────────────


def _octodns(table: Table, octodns: str, size: int) -> None:
    command = [octodns, "--config-file", "config.yaml"]
    with tempfile.TemporaryDirectory() as folder:
        provider = {"class": "octodns.provider.yaml.YamlProvider", "enforce_order": False}
        for name in ("source", "target"):
            os.mkdir(os.path.join(folder, name))
        _dump(
            os.path.join(folder, "config.yaml"),
            {
                "providers": {name: {**provider, "directory": name} for name in ("source", "target")},
                "zones": {"example.com.": {"sources": ["source"], "targets": ["target"]}},
            },
        )
        records = {f"task-{number:06}": {"type": "TXT", "value": f"value {number}"} for number in range(size)}
        _dump(os.path.join(folder, "source", "example.com.yaml"), records)
        cold = _median(command, folder)
        _dump(os.path.join(folder, "target", "example.com.yaml"), records)
        same = _median(command, folder)
        records[_EDITED] = {"type": "TXT", "value": "edited"}
        _dump(os.path.join(folder, "source", "example.com.yaml"), records)
        edited = _median(command, folder)
    _put(table, "octoDNS, tiny records", size, cold, same, edited)


def _dump(path: str, document: object) -> None:
    with open(path, "w", encoding="utf-8") as file:
        yaml.dump(document, file, yaml.CSafeDumper)
