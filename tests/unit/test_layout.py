"""The layout of the code: where a module is, where its tests are, and what the contracts cover."""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from projects import REPOSITORY

SOURCE = REPOSITORY / "provisioner"
UNIT = REPOSITORY / "tests" / "unit"
LEAST_MODULES = 3
"""With fewer, a folder costs a reader more than it tells."""

MODULES = sorted(
    path.relative_to(SOURCE).with_suffix("").as_posix()
    for path in SOURCE.rglob("*.py")
    if path.name != "__init__.py"
)
PACKAGES = sorted(path.parent.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("__init__.py"))

ONE_IDEA = {
    "apply": "the command, and the engine's loop that carries it out",
    "drift": "the command, and the comparison that it shows",
    "export": "the command, and a task as a manifest",
    "lock": "the lock of the state, and waiting for it",
    "plan": "the command, and what a plan is",
    "readback": "what the service keeps of a body: compared, and played by the emulator",
    "replies": "the answers of the task API, and reading them from the wire",
    "show": "of a plan or the state, and of one task",
}
"""Basenames that more modules than one have, and the idea that those share."""

TESTED_IN = {
    "__main__": "functional/test_first_day.py",
    "cli": "functional/test_command_line.py",
    "cloud/connection": "unit/cloud/test_transport.py",
    "cloud/failures": "unit/cloud/test_api.py",
    "cloud/signer": "unit/cloud/test_api.py",
    "cloud/wire/actions": "unit/cloud/test_api.py",
    "cloud/wire/replies": "unit/cloud/test_api.py",
    "cloud/wire/requests": "unit/cloud/test_api.py",
    "commands/completion": "functional/test_completion.py",
    "commands/dispatch": "functional/test_command_line.py",
    "commands/parsing/arguments": "functional/test_words.py",
    "commands/parsing/parser": "functional/test_command_line.py",
    "commands/parsing/shell_scripts": "functional/test_completion.py",
    "commands/project/packing": "unit/commands/project/test_manifests.py",
    "commands/project/project": "functional/test_command_line.py",
    "commands/project/settings_file": "functional/test_bad_input.py",
    "commands/support/comparison": "functional/test_drift.py",
    "commands/support/drift_acceptance": "functional/test_drift.py",
    "commands/support/lock": "functional/test_next_command.py",
    "commands/support/machine": "functional/test_run_state.py",
    "commands/support/next_command": "functional/test_next_command.py",
    "commands/support/outcome": "functional/test_real_faults.py",
    "commands/support/plan_output": "functional/test_look_and_surgery.py",
    "commands/support/planning": "functional/test_addresses.py",
    "commands/support/records": "functional/test_look_and_surgery.py",
    "commands/support/remote_task": "functional/test_adoption.py",
    "commands/support/reporter": "functional/test_output.py",
    "commands/support/saved_plan": "hardening/test_saved_plans.py",
    "commands/verbs": "functional",
    "core/api/replies": "unit/core/api/test_calls.py",
    "core/api/task_api": "unit/core/api/test_calls.py",
    "core/body/lazy": "unit/core/state/test_snapshot.py",
    "core/body/masking": "unit/core/documents/test_plan_document.py",
    "core/documents/drift_document": "unit/render/test_drift_text_golden.py",
    "core/documents/drift_schema": "unit/render/test_drift_text_golden.py",
    "core/documents/plan_reader": "unit/core/documents/test_plan_document.py",
    "core/documents/plan_schema": "unit/core/documents/test_plan_document.py",
    "core/documents/state_document": "functional/test_look_and_surgery.py",
    "core/jobs/codec": "unit/core/test_jobs.py",
    "core/jobs/job": "unit/core/test_jobs.py",
    "core/json_types": "unit/core/body/test_normalize.py",
    "core/manifest/spec": "unit/core/manifest/test_parse.py",
    "core/plan/plan": "unit/core/plan/test_planner.py",
    "core/source": "unit/core/test_address.py",
    "core/state/entries": "unit/core/state/test_journal.py",
    "core/state/ledger": "unit/core/state/test_journal.py",
    "core/state/state": "unit/core/state/test_snapshot.py",
    "core/task_types": "unit/core/api/test_calls.py",
    "emulator": "emulator",
    "engine/manual": "unit/engine/test_run.py",
    "engine/ports": "unit/engine/test_run.py",
    "engine/task_steps": "unit/engine/test_apply.py",
    "errors": "functional/test_words.py",
    "render/address_changes": "unit/render/test_plan_text_golden.py",
    "render/body_text": "unit/render/test_plan_text_golden.py",
    "render/field_changes": "unit/render/test_plan_text_golden.py",
    "render/job_text": "unit/render/test_plan_text_golden.py",
    "render/risk_text": "unit/render/test_plan_text_golden.py",
    "render/text_changes": "unit/render/test_plan_text_golden.py",
    "render/words": "unit/render/test_plan_text_golden.py",
    "store/lock": "unit/store/test_backend.py",
    "store/reading/nodes": "unit/store/reading/test_strict_yaml.py",
    "store/reading/yaml_messages": "unit/store/reading/test_strict_yaml.py",
}
"""A module without a file of unit tests -> where it is tested, below ``tests``."""

TESTED_AS_A_WHOLE = {"commands/verbs", "emulator"}
"""Packages in the table, each with a folder of tests of its own: commands are run, the emulator is called."""


def has_own_tests(module: str) -> bool:
    """Whether a file of unit tests is named like the module, with or without an aspect."""
    folder, _, name = module.rpartition("/")
    return any((UNIT / folder).glob(f"test_{name}.py")) or any((UNIT / folder).glob(f"test_{name}_*.py"))


def prefixes(module: str) -> Iterator[str]:
    """The module and the packages around it, the innermost first."""
    parts = module.split("/")
    yield from ("/".join(parts[:count]) for count in range(len(parts), 0, -1))


def is_mirrored(test: Path) -> bool:
    """Whether a file of unit tests stands where its module or package does."""
    folder = SOURCE / test.relative_to(UNIT).parent
    words = test.stem.removeprefix("test_").split("_")
    names = ["_".join(words[:count]) for count in range(len(words), 0, -1)]
    return any((folder / f"{name}.py").exists() or (folder / name).is_dir() for name in names)


@pytest.mark.parametrize("test", sorted(UNIT.rglob("test_*.py")), ids=lambda path: path.stem)
def test_unit_tests_stand_where_their_module_does(test: Path) -> None:
    """Those of the project itself, such as these, stand at the top."""
    assert is_mirrored(test) or test.parent == UNIT, "move it beside its module's path"


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_tested_somewhere(module: str) -> None:
    assert has_own_tests(module) or any(prefix in TESTED_IN for prefix in prefixes(module))


@pytest.mark.parametrize(("module", "tests"), TESTED_IN.items())
def test_the_table_of_tests_names_what_exists(module: str, tests: str) -> None:
    place = REPOSITORY / "tests" / tests
    if module in TESTED_AS_A_WHOLE:
        assert place.is_dir()
    else:
        assert module in MODULES
        assert place.is_file()
        assert not has_own_tests(module), "it has tests of its own: take it out of the table"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_a_folder_and_nothing_more(package: str) -> None:
    """No code and no second names in ``__init__``: a name has one place, and an import loads no neighbours."""
    body = ast.parse((SOURCE / package / "__init__.py").read_text()).body
    rest = [statement for statement in body if not isinstance(statement, ast.Expr)]
    if package == ".":
        assert [ast.unparse(statement).partition(" = ")[0] for statement in rest] == ["__version__"]
    else:
        assert len(body) == 1
        assert not rest


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_three_modules_at_least(package: str) -> None:
    inside = [path for path in (SOURCE / package).iterdir() if path.name != "__init__.py"]
    assert sum(path.suffix == ".py" or (path / "__init__.py").exists() for path in inside) >= LEAST_MODULES


@pytest.mark.parametrize("module", MODULES)
def test_docstrings_refer_to_modules_that_exist(module: str) -> None:
    """In full: ``package.module``, and maybe names in that module."""
    top = "|".join(sorted({package.partition("/")[0] for package in PACKAGES} - {"."}))
    for named in re.findall(rf"``((?:{top})\.[\w.]+)``", (SOURCE / f"{module}.py").read_text()):
        place = next((one for one in prefixes(named.replace(".", "/")) if one in MODULES), None)
        assert place is not None or named.replace(".", "/") in PACKAGES, named
        for name in named.replace(".", "/").removeprefix(place or named).split("/")[1:]:
            assert re.search(rf"\b{name}\b", (SOURCE / f"{place}.py").read_text()), named


def test_two_modules_share_a_name_only_if_they_share_an_idea() -> None:
    places = defaultdict(list)
    for module in MODULES:
        places[module.rpartition("/")[2]].append(module)
    assert sorted(name for name, found in places.items() if len(found) > 1) == sorted(ONE_IDEA)


def test_every_package_has_a_contract_on_its_inside() -> None:
    """Layers or independence; the contracts of layers are exhaustive."""
    tool = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
    layered = {name: one for one in tool["contracts"] for name in one.get("containers", ())}
    independent = {
        module.removesuffix(".*")
        for one in tool["contracts"]
        if one["type"] == "independence"
        for module in one["modules"]
    }
    dotted = {".".join(["provisioner", *package.split("/")]).removesuffix("..") for package in PACKAGES}
    assert dotted == layered.keys() | independent
    assert all(one["exhaustive"] for one in layered.values())


def test_every_folder_of_tests_is_in_one_group_of_make_test() -> None:
    """A folder that stands in neither would never be run."""
    makefile = (REPOSITORY / "Makefile").read_text()
    groups = re.findall(r"^(?:COV|PROOF)_TESTS := (.*)$", makefile, re.MULTILINE)
    listed = " ".join(groups).split()
    tests = REPOSITORY / "tests"
    files = {*tests.rglob("test_*.py"), *tests.rglob("*_test.py")}
    there = {f"tests/{path.relative_to(tests).parts[0]}" for path in files}
    assert sorted(listed) == sorted(there)
