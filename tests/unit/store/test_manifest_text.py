"""A document as YAML that reads back the same."""

from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.json_types import JSONObject
from provisioner.store.manifest_text import manifest_text
from provisioner.store.reading.documents import parse_text

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(),
    st.sampled_from(["yes", "1", "null", "~", "a: b", "- x", "*a"]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)), max_leaves=20
)


def test_it_reads_like_a_hand_written_manifest() -> None:
    """Small items on one line, plain words plain, everything else quoted."""
    document: JSONObject = {
        "name": "orders",
        "TaskInfo": {
            "TaskType": 201,
            "Description": "yes: all\nof it \u2028",
            "Config": {"concurrency": "1", "on": "off", "odd name": ""},
            "Nodes": [
                {
                    "Name": "in",
                    "Schema": [{"Id": "1", "Name": "id"}, {"Id": "2", "Name": "x" * 99}],
                    "Empty": [],
                },
                ["a", {"b": None}],
                {},
            ],
        },
    }
    assert manifest_text(document) == (
        "name: orders\n"
        "TaskInfo:\n"
        "  TaskType: 201\n"
        '  Description: "yes: all\\nof it \\u2028"\n'
        "  Config:\n"
        '    concurrency: "1"\n'
        '    "on": "off"\n'
        '    "odd name": ""\n'
        "  Nodes:\n"
        "    - Name: in\n"
        "      Schema:\n"
        '        - {Id: "1", Name: id}\n'
        '        - Id: "2"\n'
        f"          Name: {'x' * 99}\n"
        "      Empty: []\n"
        "    - [a, {b: null}]\n"
        "    - {}\n"
    )


def test_what_no_file_can_say_is_not_written() -> None:
    """Half a character, and a key that is refused."""
    assert manifest_text({"a": "\ud800"}) is None
    assert manifest_text({"a": "\ufffe", "": {"b": "x"}}) is not None


@given(st.dictionaries(st.text(min_size=1), VALUES, min_size=1))
def test_whatever_it_says_it_reads_back(document: dict[str, object]) -> None:
    """Or it is not written."""
    text = manifest_text(document)  # type: ignore[arg-type]  # hypothesis makes JSON
    if text is not None:
        assert parse_text(text, "x.yaml")[0][0].value == document
