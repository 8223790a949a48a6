"""Settings: flag over variable over environment over file over default, for every one of them."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest

from provisioner.core.schema.validation import Checker
from provisioner.core.settings import (
    BY_NAME,
    SETTINGS,
    Setting,
    Settings,
    default_faults,
    resolve,
    settings_schema,
)
from provisioner.errors import UsageError

STACK = "5f0c1a2b3c4d5e6f"
SCHEMA = Checker(settings_schema())
IDS = [setting.name for setting in SETTINGS]


def resolved(
    document: Mapping[str, Any] | None = None,
    *,
    environment: str = "",
    variables: Mapping[str, str] | None = None,
    flags: Mapping[str, str | float | None] | None = None,
) -> Settings:
    """The settings of a document that the schema accepts."""
    whole = {"stack": STACK, **(document or {})}
    assert SCHEMA.check(whole) == []
    return resolve(whole, environment=environment, variables=variables or {}, flags=flags or {})


def some_values(setting: Setting) -> list[Any]:
    """Four different usable values."""
    if setting.name == "state":
        return ["a.json", "b.json", "c.json", "d.json"]
    if setting.pattern:
        return [f"{number:016x}" for number in range(1, 5)]
    if setting.values:
        return [*setting.values, *setting.values]
    return ["a", "b", "c", "d"] if setting.kind == "string" else [1, 2, 3, 4]


def placed(setting: Setting, value: Any) -> dict[str, Any]:
    """The value where it stands in the file."""
    for part in reversed(setting.path):
        value = {part: value}
    return dict(value)


def shown(settings: Settings, setting: Setting) -> Any:
    """The value in force."""
    return getattr(settings, setting.name)


@pytest.mark.parametrize("setting", SETTINGS, ids=IDS)
def test_nearer_place_stands_over_the_farther(setting: Setting) -> None:
    """Flag, variable, environment, file: each without the ones before it."""
    file, inner, variable, flag = some_values(setting)
    document = {**placed(setting, file), "environments": {"prod": placed(setting, inner)}}
    variables, flags = {setting.variable: str(variable)}, {setting.name: flag}

    def expected(value: Any, environment: str) -> Any:
        if setting.name == "stack" and environment:
            return hashlib.sha256(f"{value}/{environment}".encode()).hexdigest()[:16]
        return value

    for environment in ("", "prod"):
        whole = resolved(document, environment=environment, variables=variables, flags=flags)
        assert shown(whole, setting) == expected(flag, environment)
        without_flag = resolved(document, environment=environment, variables=variables)
        assert shown(without_flag, setting) == expected(variable, environment)
    assert shown(resolved(document, environment="prod"), setting) == expected(inner, "prod")
    assert shown(resolved(document), setting) == file


@pytest.mark.parametrize("setting", SETTINGS, ids=IDS)
@pytest.mark.parametrize("given", [{}, {"flag": None}, {"flag": ""}, {"variable": ""}], ids=str)
def test_nothing_given_is_the_default(setting: Setting, given: dict[str, str | None]) -> None:
    """An empty variable or flag says nothing."""
    flags = {setting.name: given["flag"]} if "flag" in given else {}
    variables = {setting.variable: ""} if "variable" in given else {}
    settings = resolved(variables=variables, flags=flags)
    assert shown(settings, setting) == (STACK if setting.name == "stack" else setting.default)


@pytest.mark.parametrize("setting", SETTINGS, ids=IDS)
def test_row_is_sound(setting: Setting) -> None:
    """The default is usable, the names follow from the path, and the schema knows it."""
    assert setting.flag == f"--{setting.name.replace('_', '-')}"
    assert setting.variable == f"PROVISIONER_{setting.name.upper()}"
    assert BY_NAME[setting.name] is setting
    assert setting.default is None or SCHEMA.is_valid(placed(setting, setting.default))
    for value in some_values(setting):
        assert SCHEMA.is_valid(placed(setting, value))
    assert not SCHEMA.is_valid(placed(setting, []))


def test_names_are_unique() -> None:
    """Flags and variables are made of the last part of the path alone."""
    assert len(BY_NAME) == len(SETTINGS)
    assert set(BY_NAME) <= set(Settings.__dataclass_fields__)


@pytest.mark.parametrize("value", ["7", 7, 7.0], ids=["text", "whole", "fraction"])
def test_number_is_a_number_wherever_it_comes_from(value: str | float) -> None:
    """As text in a variable, as a number from a flag."""
    assert resolved(flags={"rate_per_second": value}).rate_per_second == 7
    parallelism = resolved(flags={"parallelism": value}).parallelism
    assert (parallelism, type(parallelism)) == (7, int)


BAD: dict[str, tuple[str, str, str]] = {
    "no-number": ("parallelism", "ten", "must be a number, not 'ten'."),
    "fraction-for-whole": ("parallelism", "1.5", "must be a number, not '1.5'."),
    "too-small": ("parallelism", "0", "must be between 1 and 100, not '0'."),
    "too-large": ("parallelism", "101", "must be between 1 and 100, not '101'."),
    "rate-zero": ("rate_per_second", "0", "must be between 0.01 and 1000, not '0'."),
    "not-a-number": ("rate_per_second", "nan", "must be between 0.01 and 1000, not 'nan'."),
    "without-end": ("max_delete_percent", "inf", "must be between 0 and 100, not 'inf'."),
    "negative": ("max_deletes", "-1", "must be between 0 and 1000000, not '-1'."),
    "no-choice": ("marker", "name", "must be description or none, not 'name'."),
    "stack-too-short": ("stack", "5f0c", "must be of the form ^[0-9a-f]{16}$, not '5f0c'."),
    "stack-with-newline": ("stack", f"{STACK}\n", f"must be of the form ^[0-9a-f]{{16}}$, not '{STACK}\\n'."),
}


@pytest.mark.parametrize(("name", "value", "message"), BAD.values(), ids=BAD)
def test_unusable_value_is_refused_by_the_name_it_was_given_under(
    name: str, value: str, message: str
) -> None:
    """The flag or the variable, not the setting."""
    setting = BY_NAME[name]
    with pytest.raises(UsageError) as caught:
        resolved(flags={name: value})
    assert str(caught.value) == f"{setting.flag} {message}"
    with pytest.raises(UsageError) as caught:
        resolved(variables={setting.variable: value})
    assert str(caught.value) == f"{setting.variable} {message}"


def test_bounds_themselves_are_usable() -> None:
    """Between means from the one to the other."""
    assert resolved(flags={"parallelism": "1"}).parallelism == 1
    assert resolved(flags={"parallelism": "100"}).parallelism == 100
    assert resolved(flags={"max_deletes": 0}).max_deletes == 0


# ── environments ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("document", "name", "lines"),
    [
        ({}, "prod", ['There is no environment "prod".', "  provisioner.yaml has: none."]),
        (
            {"environments": {"test": {}, "prod": {}}},
            "prd",
            ['There is no environment "prd" (did you mean "prod"?).', "  provisioner.yaml has: prod, test."],
        ),
    ],
    ids=["none", "misspelt"],
)
def test_unknown_environment_is_refused(document: dict[str, Any], name: str, lines: list[str]) -> None:
    """With the ones that there are."""
    with pytest.raises(UsageError) as caught:
        resolved(document, environment=name)
    assert str(caught.value).splitlines() == lines


TWO = {"state": "here.json", "environments": {"prod": {}, "test": {"state": "test.json"}}}


def test_each_environment_has_a_stack_of_its_own() -> None:
    """None takes another's tasks for its own; the same name gives the same stack again."""
    stacks = [resolved(TWO, environment=name).stack for name in ("", "prod", "test")]
    assert stacks[0] == STACK
    assert len(set(stacks)) == 3
    assert all(SCHEMA.is_valid({"stack": stack}) for stack in stacks)
    assert resolved(TWO, environment="prod").stack == stacks[1]
    assert resolved(TWO, environment="prod").environment == "prod"


@pytest.mark.parametrize(
    ("environment", "variables", "flags", "expected"),
    [
        ("", {}, {}, "here.json"),
        ("prod", {}, {}, "prod.state.json"),
        ("test", {}, {}, "test.json"),
        ("prod", {"PROVISIONER_STATE": "v.json"}, {}, "v.json"),
        ("prod", {}, {"state": "f.json"}, "f.json"),
        ("prod", {"PROVISIONER_STATE": ""}, {"state": None}, "prod.state.json"),
    ],
    ids=["none", "of-its-own", "written", "by-variable", "by-flag", "nothing-said"],
)
def test_each_environment_has_a_state_file_of_its_own(
    environment: str, variables: dict[str, str], flags: dict[str, str | None], expected: str
) -> None:
    """Two in one file would delete each other's tasks; only who says so shares one."""
    assert resolved(TWO, environment=environment, variables=variables, flags={**flags}).state == expected


def test_group_may_be_empty() -> None:
    """A part of the file that says nothing leaves the default."""
    document = {"guard": {}, "environments": {"prod": {"guard": {"max_deletes": 3}}}}
    settings = resolved(document, environment="prod")
    assert (settings.max_deletes, settings.max_delete_percent) == (3, 30)
    empty = {"stack": STACK, "guard": None, "environments": {"prod": None}}
    assert resolve(empty, environment="prod", variables={}, flags={}).max_deletes == 10


def test_project_without_a_stack_is_refused() -> None:
    """With what a stack is and how to get one."""
    with pytest.raises(UsageError, match='"stack" is missing in') as caught:
        resolve({}, environment="", variables={}, flags={})
    assert "openssl rand -hex 8" in str(caught.value)


# ── defaults and endpoint ───────────────────────────────────────────────────


def test_defaults_are_in_normal_form_and_an_environment_s_stand_over_them() -> None:
    """Field by field, and settings by name; the project goes with them."""
    document = {
        "project_id": "1",
        "defaults": {"ExecutorId": "7", "Config": [{"Name": "b", "Value": 1}, {"Name": "a", "Value": True}]},
        "environments": {"prod": {"project_id": "2", "defaults": {"ExecutorId": None, "Config": {"b": 2}}}},
    }
    plain = resolved(document).defaults
    assert plain.project_id == "1"
    assert plain.task_info == {"ExecutorId": "7", "Config": {"a": "true", "b": "1"}}
    prod = resolved(document, environment="prod").defaults
    assert prod.project_id == "2"
    assert prod.task_info == {"ExecutorId": None, "Config": {"a": "true", "b": "2"}}
    assert not prod.has_uncompared


def test_defaults_say_whether_they_have_fields_of_the_service() -> None:
    """Each environment's own part counts too."""
    document = {"environments": {"prod": {"defaults": {"AppId": "1"}}}}
    assert not resolved(document).defaults.has_uncompared
    assert resolved(document, environment="prod").defaults.has_uncompared


def test_default_that_is_there_twice_is_refused() -> None:
    """Which of the two was meant cannot be told, here no more than in a manifest."""
    layer = {"defaults": {"Config": [{"Name": "a", "Value": 1}, {"Name": "a", "Value": 2}]}}
    (fault,) = default_faults(layer, ("environments", "prod"))
    assert fault.path == ("environments", "prod", "defaults", "Config", 1, "Name")
    assert fault.message.endswith('defaults.Config has two items with Name "a": items 0 and 1')
    assert default_faults({}, ()) == []


def test_calls_stay_in_the_process_unless_an_endpoint_is_given() -> None:
    """The default is the emulator."""
    assert resolved().is_embedded
    assert not resolved({"endpoint": "wedata.intl.tencentcloudapi.com"}).is_embedded


@pytest.mark.parametrize(
    "document",
    [
        {"stack": "xyz"},
        {"project_id": 17865298918277529},
        {"project_id": ""},
        {"colour": 1},
        {"guard": {"max_deletes": -1}},
        {"guard": {"max": 1}},
        {"marker": "name"},
        {"defaults": {"Colour": 1}},
        {"environments": {"prod": {"environments": {}}}},
        {"environments": {"my env": {}}},
        {"environments": {"prod": {"parallelism": 0}}},
    ],
    ids=str,
)
def test_file_that_says_something_unusable_is_refused(document: dict[str, Any]) -> None:
    """The schema has the same rules, in an environment too."""
    assert SCHEMA.check(document) != []
