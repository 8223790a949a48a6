"""What is wrong with a document, in the words that its author reads."""

import copy
import json
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from projects import REPOSITORY
from provisioner.core.address import ADDRESS_PATTERN
from provisioner.core.json_types import JSONValue
from provisioner.core.schema.manifest_schema import manifest_schema
from provisioner.core.schema.validation import Checker, Fault, address_complaint, nearest, path_text, shown
from provisioner.core.settings import settings_schema

MANIFEST = Checker(manifest_schema())
SETTINGS = Checker(settings_schema())
GOLDEN = REPOSITORY / "tests" / "golden/manifest"


def with_info(**fields: JSONValue) -> JSONValue:
    """A manifest with these fields and nothing else."""
    return {"name": "orders", "TaskInfo": fields}


WORDS: dict[str, tuple[Checker, JSONValue, list[tuple[str, str]]]] = {
    "unknown-field": (
        MANIFEST,
        with_info(SynkType=1),
        [("TaskInfo.SynkType", 'unknown field "SynkType" in TaskInfo (did you mean "SyncType"?)')],
    ),
    "unknown-field-in-other-case": (
        MANIFEST,
        with_info(tasktype=201),
        [("TaskInfo.tasktype", 'unknown field "tasktype" in TaskInfo (did you mean "TaskType"?)')],
    ),
    "unknown-field-like-no-other": (
        MANIFEST,
        with_info(zzz=1),
        [("TaskInfo.zzz", 'unknown field "zzz" in TaskInfo')],
    ),
    "unknown-field-on-top": (
        MANIFEST,
        {"nmae": "a", "TaskInfo": {}},
        [("nmae", 'unknown field "nmae" (did you mean "name"?)')],
    ),
    "unknown-field-deep-inside": (
        MANIFEST,
        with_info(Nodes=[{"Schema": [{"Id": "1", "Name": "id", "Type": "int", "Typ": "x"}]}]),
        [
            (
                "TaskInfo.Nodes[0].Schema[0].Typ",
                'unknown field "Typ" in TaskInfo.Nodes[0].Schema[0] (did you mean "Type"?)',
            )
        ],
    ),
    "number-for-text": (
        MANIFEST,
        {"name": "orders", "ProjectId": 17865298918277529, "TaskInfo": {}},
        [
            (
                "ProjectId",
                'ProjectId must be text, not the number 17865298918277529: quote it: "17865298918277529"',
            )
        ],
    ),
    "fraction-for-text": (
        MANIFEST,
        with_info(TaskMode=1.5),
        [("TaskInfo.TaskMode", 'TaskInfo.TaskMode must be text, not the number 1.5: quote it: "1.5"')],
    ),
    "truth-value-for-text": (
        MANIFEST,
        with_info(Description=True),
        [
            (
                "TaskInfo.Description",
                'TaskInfo.Description must be text, not the truth value true: quote it: "true"',
            )
        ],
    ),
    "digits-in-quotes": (
        MANIFEST,
        with_info(SyncType="02"),
        [
            (
                "TaskInfo.SyncType",
                (
                    'TaskInfo.SyncType must be a whole number, not the text "02": '
                    "write 2, without quotes or leading zeros"
                ),
            )
        ],
    ),
    "negative-digits-in-quotes": (
        MANIFEST,
        with_info(Status="-1"),
        [
            (
                "TaskInfo.Status",
                (
                    'TaskInfo.Status must be a whole number, not the text "-1": '
                    "write -1, without quotes or leading zeros"
                ),
            )
        ],
    ),
    "two-minus-signs": (
        MANIFEST,
        with_info(SyncType="--1"),
        [("TaskInfo.SyncType", 'TaskInfo.SyncType must be a whole number, not the text "--1"')],
    ),
    "digits-without-end": (
        MANIFEST,
        with_info(SyncType="9" * 5000),
        [
            (
                "TaskInfo.SyncType",
                f'TaskInfo.SyncType must be a whole number, not the text "{"9" * 60}…"',
            )
        ],
    ),
    "word-for-number": (
        MANIFEST,
        with_info(SyncType="two"),
        [("TaskInfo.SyncType", 'TaskInfo.SyncType must be a whole number, not the text "two"')],
    ),
    "fraction-for-number": (
        MANIFEST,
        with_info(SyncType=1.5),
        [("TaskInfo.SyncType", "TaskInfo.SyncType must be a whole number, not the number 1.5")],
    ),
    "word-for-truth-value": (
        MANIFEST,
        with_info(Submit="yes"),
        [("TaskInfo.Submit", 'TaskInfo.Submit must be true or false, not the text "yes"')],
    ),
    "map-for-list": (
        MANIFEST,
        with_info(Nodes={"Name": "a"}),
        [("TaskInfo.Nodes", "TaskInfo.Nodes must be a list, not a map")],
    ),
    "text-for-either": (
        MANIFEST,
        with_info(Config="a=b"),
        [("TaskInfo.Config", 'TaskInfo.Config must be a list or a map, not the text "a=b"')],
    ),
    "null-in-a-list": (
        MANIFEST,
        with_info(DataProxyUrl=[None]),
        [("TaskInfo.DataProxyUrl[0]", "TaskInfo.DataProxyUrl[0] must be text, not empty")],
    ),
    "list-for-document": (MANIFEST, [], [("", "the document must be a map, not a list")]),
    "missing-on-top": (MANIFEST, {"name": "orders"}, [("", '"TaskInfo" is missing')]),
    "missing-inside": (
        MANIFEST,
        with_info(Mappings=[{"SchemaMappings": [{}]}]),
        [
            (
                "TaskInfo.Mappings[0].SchemaMappings[0]",
                '"SinkSchemaId" is missing in TaskInfo.Mappings[0].SchemaMappings[0]',
            ),
            (
                "TaskInfo.Mappings[0].SchemaMappings[0]",
                '"SourceSchemaId" is missing in TaskInfo.Mappings[0].SchemaMappings[0]',
            ),
        ],
    ),
    "empty-where-something-must-stand": (
        MANIFEST,
        with_info(Config=[{"Name": "", "Value": 1}]),
        [("TaskInfo.Config[0].Name", "TaskInfo.Config[0].Name must not be empty")],
    ),
    "setting-without-name": (
        MANIFEST,
        with_info(Config={"": 1}),
        [("TaskInfo.Config", "TaskInfo.Config has an empty name")],
    ),
    "other-kind": (
        MANIFEST,
        {"kind": "Task", "name": "a", "TaskInfo": {}},
        [("kind", 'kind must be "IntegrationTask", not "Task"')],
    ),
    "unknown-choice": (
        MANIFEST,
        {"name": "a", "TaskInfo": {}, "lifecycle": {"ignore_changes": ["Descripton"]}},
        [
            (
                "lifecycle.ignore_changes[0]",
                'lifecycle.ignore_changes[0] cannot be "Descripton" (did you mean "Description"?)',
            )
        ],
    ),
    "no-choice": (
        MANIFEST,
        {"name": "a", "TaskInfo": {}, "run": {"state": 3}},
        [("run.state", "run.state cannot be 3: write draft, submitted, running, suspended, stopped")],
    ),
    "empty-address": (
        MANIFEST,
        {"name": "", "TaskInfo": {}},
        [("name", "name must not be empty")],
    ),
    "long-address": (
        MANIFEST,
        {"name": "x" * 129, "TaskInfo": {}},
        [("name", f'name has 129 characters, and may have at most 128: "{"x" * 60}…"')],
    ),
    "unusable-address": (
        MANIFEST,
        {"name": "orders to lake", "TaskInfo": {}},
        [
            (
                "name",
                (
                    'name "orders to lake" has a character that is not allowed: use 1 to 128 ASCII letters, '
                    'digits, "_", "-" and ".", beginning with a letter, a digit or "_"'
                ),
            )
        ],
    ),
    "too-small": (
        MANIFEST,
        with_info(OfflineTaskAddEntity={"CycleType": -1}),
        [
            (
                "TaskInfo.OfflineTaskAddEntity.CycleType",
                "TaskInfo.OfflineTaskAddEntity.CycleType must not be less than 0",
            )
        ],
    ),
    "too-large": (
        MANIFEST,
        with_info(SyncType=2**63),
        [("TaskInfo.SyncType", "TaskInfo.SyncType must not be more than 9223372036854775807")],
    ),
    "no-map-where-a-map-or-nothing-belongs": (
        MANIFEST,
        with_info(OfflineTaskAddEntity=[1]),
        [("TaskInfo.OfflineTaskAddEntity", "TaskInfo.OfflineTaskAddEntity must be a map, not a list")],
    ),
    "faults-inside-a-map-that-may-be-null": (
        MANIFEST,
        with_info(OfflineTaskAddEntity={"CycleType": "3", "CycleStp": 1}),
        [
            (
                "TaskInfo.OfflineTaskAddEntity.CycleStp",
                'unknown field "CycleStp" in TaskInfo.OfflineTaskAddEntity (did you mean "CycleStep"?)',
            ),
            (
                "TaskInfo.OfflineTaskAddEntity.CycleType",
                (
                    'TaskInfo.OfflineTaskAddEntity.CycleType must be a whole number, not the text "3": '
                    "write 3, without quotes or leading zeros"
                ),
            ),
        ],
    ),
    "only-the-fast-validator-objects": (
        MANIFEST,
        {"name": "orders\n", "TaskInfo": {}},
        [("name", "is not what the schema allows here")],
    ),
    "several-in-order-of-place": (
        MANIFEST,
        {
            "TaskInfo": {"Nodes": [{"Id": 2}, *[{}] * 9, {"Id": 10}], "SyncType": "1"},
            "colour": 1,
            "lifecycle": 1,
        },
        [
            (
                "TaskInfo.Nodes[0].Id",
                'TaskInfo.Nodes[0].Id must be text, not the number 2: quote it: "2"',
            ),
            (
                "TaskInfo.Nodes[10].Id",
                'TaskInfo.Nodes[10].Id must be text, not the number 10: quote it: "10"',
            ),
            (
                "TaskInfo.SyncType",
                (
                    'TaskInfo.SyncType must be a whole number, not the text "1": '
                    "write 1, without quotes or leading zeros"
                ),
            ),
            ("colour", 'unknown field "colour"'),
            ("lifecycle", "lifecycle must be a map, not the number 1"),
        ],
    ),
    "settings-pattern": (
        SETTINGS,
        {"stack": "ABC"},
        [("stack", 'stack "ABC" is not of the form ^[0-9a-f]{16}$')],
    ),
    "settings-name-of-environment": (
        SETTINGS,
        {"environments": {"my env": {}}},
        [
            (
                "environments",
                (
                    'environments has a name that is not allowed: "my env" is not of the form '
                    "^[0-9A-Za-z_][0-9A-Za-z_-]*$"
                ),
            )
        ],
    ),
}


@pytest.mark.parametrize(("checker", "document", "expected"), WORDS.values(), ids=WORDS)
def test_fault_is_said_in_words(
    checker: Checker, document: JSONValue, expected: list[tuple[str, str]]
) -> None:
    """Where it is, what stands there, and what to write."""
    faults = checker.check(document)
    assert [(path_text(fault.path), fault.message) for fault in faults] == expected


@pytest.mark.parametrize("keyword", ["exclusiveMinimum", "minItems", "not"])
def test_other_schemas_have_words_too(keyword: str) -> None:
    """A keyword that our schemas do not use yet is answered all the same."""
    cases: dict[str, tuple[JSONValue, JSONValue, str]] = {
        "exclusiveMinimum": (0, 0, "the document must be more than 0"),
        "minItems": (1, [], "the document must not be empty"),
        "not": ({}, 1, "the document is not what the schema allows here"),
    }
    expected, document, words = cases[keyword]
    assert Checker({keyword: expected}).check(document) == [Fault((), words)]


def test_alternatives_without_null_keep_every_fault() -> None:
    """Only the complaint that a map is not null is left out."""
    checker = Checker(
        {
            "anyOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]},
                {"type": "null"},
            ]
        }
    )
    assert checker.check({"a": 1}) == [
        Fault((), '"b" is missing'),
        Fault(("a",), 'a must be text, not the number 1: quote it: "1"'),
    ]


def test_unknown_field_is_at_its_key() -> None:
    """The name is wrong and not its value."""
    (fault,) = MANIFEST.check(with_info(SynkType=1))
    assert fault.at_key
    (fault,) = MANIFEST.check(with_info(SyncType="x"))
    assert not fault.at_key


def test_valid_document_has_no_fault() -> None:
    """The vendor's documented example, as it stands."""
    body = json.loads((GOLDEN / "vendor-body.json").read_text(encoding="utf-8"))
    assert MANIFEST.check(body) == []


# ── two validators, one verdict ─────────────────────────────────────────────

ODD_VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 1.0, 1.5, 2**63, 2**64, -(2**63), 10**30, 1e300, 201, 201.0),
    *("", "x", "201", "--1", "a b", "ä", "٣", " ", "\u2028", "x" * 129),
    *([], {}, [None], [1], [{}], {"": 1}, {"Name": "a"}, [{"Name": "a", "Value": {}}], {"a": None}),
]
ODD_KEYS = ["", "Name", "name", "Colour", "TaskInfo", "Config", "SyncType", "taskinfo", "lifecycle", "kind"]


def mutated(document: Any, source: random.Random) -> Any:
    """The document with one to three things changed somewhere in it."""
    result = copy.deepcopy(document)
    for _ in range(source.randint(1, 3)):
        mutate(result, source)
    return result


def mutate(place: Any, source: random.Random) -> None:
    """Walk down by chance and change what is found."""
    while isinstance(place, dict | list) and place:
        key: Any = source.choice(list(place)) if isinstance(place, dict) else source.randrange(len(place))
        if isinstance(place[key], dict | list) and source.random() < 0.7:
            place = place[key]
            continue
        change = source.randrange(4)
        if change == 0:
            del place[key]
        elif change == 1 and isinstance(place, dict):
            place[source.choice(ODD_KEYS)] = copy.deepcopy(source.choice(ODD_VALUES))
        elif change == 2 and isinstance(place, list):
            place.append(copy.deepcopy(source.choice(ODD_VALUES)))
        else:
            place[key] = copy.deepcopy(source.choice(ODD_VALUES))
        return


RICH: JSONValue = {
    "kind": "IntegrationTask",
    "name": "orders",
    "ProjectId": "1",
    "TaskInfo": {
        "TaskName": "orders",
        "SyncType": 2,
        "TaskType": 202,
        "Config": {"a": 1, "b": "x", "c": None},
        "Nodes": [
            {
                "Name": "in",
                "Config": [{"Name": "a", "Value": 1}],
                "Schema": [{"Id": "1", "Name": "id", "Type": "bigint", "Properties": {"length": 1}}],
                "NodeMapping": {"SourceId": "1", "SinkId": "2"},
            }
        ],
        "Mappings": [{"SchemaMappings": [{"SourceSchemaId": "1", "SinkSchemaId": "2"}]}],
        "OfflineTaskAddEntity": {"CycleType": 3, "TaskAutoSubmit": True, "CrontabExpression": "0 0 * * *"},
        "ReaderDelay": 0.5,
        "DataProxyUrl": ["x"],
    },
    "lifecycle": {"prevent_destroy": True, "ignore_changes": ["Description"]},
}


def test_both_validators_have_one_verdict() -> None:
    """Over 4,000 documents changed by chance; both verdicts occur often."""
    seed = 20210820
    source = random.Random(seed)
    slow = Draft202012Validator(MANIFEST.schema)
    vendor = json.loads((GOLDEN / "vendor-body.json").read_text(encoding="utf-8"))
    verdicts = []
    for number in range(4000):
        document = mutated(vendor if number % 2 else RICH, source)
        verdict = MANIFEST.is_valid(document)
        assert slow.is_valid(document) == verdict, (seed, number, document)
        assert (MANIFEST.check(document) == []) == verdict, (seed, number, document)
        verdicts.append(verdict)
    assert 400 < sum(verdicts) < 3600


@given(
    st.recursive(st.sampled_from(ODD_VALUES), lambda inner: st.dictionaries(st.sampled_from(ODD_KEYS), inner))
)
def test_fast_validator_decides(document: JSONValue) -> None:
    """There are faults exactly where the verdict is no, and each can be printed."""
    faults = MANIFEST.check(document)
    assert (faults == []) == MANIFEST.is_valid(document)
    assert all(fault.message for fault in faults)


# ── words ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SyncTyp", ' (did you mean "SyncType"?)'),
        ("SYNCTYPE", ' (did you mean "SyncType"?)'),
        ("colour", ""),
        ("", ""),
    ],
)
def test_nearest_known_name_is_suggested(name: str, expected: str) -> None:
    """Whatever its case; and none rather than a far one."""
    assert nearest(name, ["SyncType", "TaskType"]) == expected


def test_of_names_that_differ_in_case_the_first_is_suggested() -> None:
    """One suggestion, always the same."""
    assert nearest("name", ["Name", "NAME"]) == ' (did you mean "Name"?)'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        ("ä", '"ä"'),
        ({"a": [1, True]}, '{"a": [1, true]}'),
        ("x" * 58, '"' + "x" * 58 + '"'),
        ("x" * 59, '"' + "x" * 59 + "…"),
    ],
    ids=["null", "text", "map", "just-fits", "too-long"],
)
def test_value_is_shown_as_json_and_not_too_long(value: JSONValue, expected: str) -> None:
    """A message stays one line that can be read."""
    assert shown(value) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [((), ""), (("TaskInfo", "Nodes", 0, "Config"), "TaskInfo.Nodes[0].Config"), ((0, "a"), "[0].a")],
    ids=["document", "deep", "list"],
)
def test_path_is_written_as_people_write_it(path: tuple[str | int, ...], expected: str) -> None:
    """Names with dots, positions in brackets."""
    assert path_text(path) == expected


@given(st.text() | st.text("ab_.-", max_size=130))
def test_an_address_has_no_complaint_and_everything_else_has_one(text: str) -> None:
    """The words and the pattern agree."""
    assert bool(address_complaint(text)) == (re.fullmatch(ADDRESS_PATTERN, text) is None)
