"""What is recorded, as text."""

from builders import a_node, a_record, a_spec, a_state, an_attempt
from provisioner.core.address import Address
from provisioner.core.state.state import WriteKind
from provisioner.render.state_text import render_record, render_state, render_state_list


def test_one_task_with_everything_that_is_recorded() -> None:
    """Every field, every column, no secret."""
    node = a_node("n", "INPUT", "MYSQL", width=20, Config={"password": "hunter2"})
    spec = a_spec("orders", Nodes=[node], Mappings=None, prevent_destroy=True)
    shown = render_record(Address("orders"), a_record(spec), colour=False)
    assert shown.startswith(
        "# orders:\n"
        'wedata_integration_task "orders" {\n'
        '    project_id      = "17865298918277529"\n'
        '    task_id         = "id-of-orders"\n'
        "    task_type       = 201 (real-time)\n"
        '    applied_at      = "2026-01-02T03:04:05Z"\n'
        '    request_id      = "9b1f4a52-0000-4000-8000-000000000001"\n'
        "    prevent_destroy = true\n"
        '    TaskName        = "orders"\n'
    )
    assert '            { Id = "120", Name = "column_19", Type = "bigint" },\n        ]\n    }\n' in shown
    assert "            password = (sensitive value)\n" in shown
    assert shown.endswith(
        '    Config {\n        checkpointInterval = "60"\n        concurrency        = "1"\n    }\n}\n'
    )


def test_a_task_that_was_never_seen() -> None:
    """Adopted, or an update was cut off: the record says that it does not know."""
    shown = render_record(Address("t"), a_record(a_spec("t", TaskType=202), spec={}, digest=""), colour=True)
    assert shown.startswith("\x1b[1m# t:\x1b[0m\n# (what the task holds is not known; the next apply")
    assert "202 (offline)" in shown
    assert "prevent_destroy = false\n}\n" in shown


def test_the_whole_state() -> None:
    """Tasks in order of addresses, then what is open."""
    state = a_state(
        a_spec("b"),
        a_spec("a"),
        attempts=[an_attempt(a_spec("c")), an_attempt(a_spec("a"), kind=WriteKind.UPDATE)],
    )
    shown = render_state(state, colour=False)
    assert shown.index("# a:") < shown.index("# b:") < shown.index("2 writes have an unknown outcome:")
    assert shown.endswith(
        "}\n\n2 writes have an unknown outcome:\n"
        "  a   update   signed 2026-01-02T03:04:05Z   [id=id-of-a]\n"
        "  c   create   signed 2026-01-02T03:04:05Z\n"
        "Find out with:\n  provisioner apply\n"
    )


def test_only_open_writes() -> None:
    """One of them."""
    shown = render_state(a_state(attempts=[an_attempt(a_spec("c"))]), colour=False)
    assert shown.startswith("1 write has an unknown outcome:\n  c   create")


def test_an_empty_state_says_so() -> None:
    """It is not silence."""
    assert render_state(a_state(), colour=False) == "The state is empty: it holds no tasks.\n"


def test_addresses_one_a_line() -> None:
    """In order, ready for a shell; nothing if there are none."""
    assert render_state_list([Address("b"), Address("a")]) == "a\nb\n"
    assert render_state_list(a_state(a_spec("b"), a_spec("a")).tasks) == "a\nb\n"
    assert render_state_list([]) == ""
