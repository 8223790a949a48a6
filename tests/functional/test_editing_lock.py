"""A task that somebody has open in WeData: who it is is said, it is waited for, or taken over on demand.

Whatever the service demands of a lock, a project that nobody else edits is applied as without locks, and
every lock that an apply took is given back.
"""

import json
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from projects import Project, Ran, connect, task_manifest, unmeasured
from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer
from provisioner.emulator.tasks import OWNER

ANNA = "100028625403"
LOOK, LOCK, UNLOCK = "DescribeTaskLockStatus", "LockIntegrationTask", "UnlockIntegrationTask"
ROB, MODIFY, DELETE = "RobAndLockIntegrationTask", "ModifyIntegrationTask", "DeleteIntegrationTask"
OPEN = {"Locked": True, "Locker": ANNA}
CLOSED = {"Locked": False, "Locker": ""}


class Gate:
    """Where an answer that is late waits until it is let through."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._arrived = threading.Semaphore(0)

    def sleep(self, _seconds: float) -> None:
        """In place of the emulator's sleep."""
        self._arrived.release()
        self._open.wait(60)

    def wait_for(self, count: int) -> None:
        """Until so many answers wait here."""
        for _ in range(count):
            self._arrived.acquire()

    def open(self) -> None:
        """Let everything through."""
        self._open.set()


@dataclass
class Remote:
    """A project, the emulator that it is applied to, and what a colleague does there."""

    project: Project
    emulator: EmulatorServer
    gate: Gate

    def write(self, *names: str, text: str = "x") -> None:
        """Manifests with a description of their own."""
        for name in names:
            self.project.write(f"manifests/{name}.yaml", task_manifest(name, description=text))

    def apply(self, *arguments: str) -> Ran:
        """One apply in this process."""
        return self.project.run("apply", "-auto-approve", *arguments)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """An apply as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "provisioner", "apply", "-auto-approve", *arguments],
            cwd=self.project.root,
            env=unmeasured(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def tasks(self) -> dict[str, Mapping[str, Any]]:
        """What is there, by name."""
        return {task["TaskName"]: task for task in self.emulator.service.tasks()}

    def edit(self, name: str, changes: Mapping[str, object]) -> None:
        """Change a task as from the console, through the emulator's own door."""
        task_id = self.tasks()[name]["TaskId"]
        request = urllib.request.Request(
            f"{self.emulator.url}/_emulator/tasks/{task_id}",
            data=json.dumps(changes).encode(),
            headers={"X-Emulator-Token": EMBEDDED_CREDENTIAL[1]},
        )
        with urllib.request.urlopen(request) as answer:
            answer.read()

    def holders(self) -> dict[str, str]:
        """Who has what open."""
        return {name: task["Locker"] for name, task in self.tasks().items() if task["Locked"]}

    def calls(self) -> list[str]:
        """The writes and the calls about locks since the last time this was asked."""
        about = (LOOK, LOCK, UNLOCK, ROB, MODIFY, DELETE)
        found = [call.action for call in self.emulator.calls if call.action in about]
        self.emulator.calls.clear()
        return found


@pytest.fixture
def remote(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    """A project without manifests, and an emulator beside it whose creates leave no lock."""
    (project.root / "manifests" / "orders-to-lake.yaml").unlink()
    gate = Gate()
    switches = {"calls_per_second": 0, "create_takes_lock": "no"}
    with EmulatorServer(switches=switches, admin=True, sleep=gate.sleep) as emulator:
        connect(monkeypatch, emulator)
        yield Remote(project, emulator, gate)
        gate.open()


@pytest.fixture
def two(remote: Remote) -> Remote:
    """Two tasks that are to be changed; a colleague has the first one open."""
    remote.write("orders", "users")
    assert remote.apply().code == 0
    remote.write("orders", "users", text="y")
    remote.edit("orders", OPEN)
    remote.calls()
    return remote


# ── nobody else ─────────────────────────────────────────────────────────────

NEEDS = ("no", "others", "holder")


@pytest.mark.parametrize(("takes", "modify", "delete"), list(product(("yes", "no"), NEEDS, NEEDS)))
def test_whatever_the_service_demands_everything_is_applied_and_given_back(
    remote: Remote, takes: str, modify: str, delete: str
) -> None:
    """Creates, updates, replaces, deletes, also of what a create did not keep."""
    switches = {"create_takes_lock": takes, "modify_needs_lock": modify, "delete_needs_lock": delete}
    remote.emulator.switches.set({**switches, "create_keeps": "scalars"})
    remote.write("a", "b", "c")
    assert remote.apply().code == 0
    before = remote.holders()
    assert set(before.values()) == ({OWNER} if takes == "yes" else set())
    remote.write("a", text="y")
    remote.project.write("manifests/b.yaml", task_manifest("b", task_type=202))
    (remote.project.root / "manifests" / "c.yaml").unlink()
    ran = remote.apply()
    assert ran.code == 0, ran.out + ran.err
    assert remote.tasks().keys() == {"a", "b"}
    assert remote.holders().keys() == before.keys() - {"c"}
    assert remote.project.run("plan").out.startswith("No changes.")
    assert remote.project.run("destroy", "-auto-approve").code == 0
    assert remote.tasks() == {}


@pytest.mark.parametrize("commit", NEEDS)
def test_a_version_is_submitted_under_the_lock(remote: Remote, commit: str) -> None:
    """Where only the holder may, also right after a create that took no lock."""
    remote.emulator.switches.set({"commit_needs_lock": commit, "modify_needs_lock": "holder"})
    for concurrency in (1, 2):
        text = task_manifest("a", description=f"x{concurrency}") + "run:\n  state: submitted\n"
        remote.project.write("manifests/a.yaml", text)
        ran = remote.apply()
        assert ran.code == 0, ran.out + ran.err
        assert remote.holders() == {}


def test_an_update_of_a_task_that_nobody_has_open_costs_two_calls_more(remote: Remote) -> None:
    """It was read before the first write; that says that nobody has it."""
    names = [f"t{number}" for number in range(30)]
    remote.write(*names)
    assert remote.apply().code == 0
    remote.write(*names, text="y")
    remote.calls()
    assert remote.apply().code == 0
    calls = remote.calls()
    counts = {action: calls.count(action) for action in (LOOK, LOCK, MODIFY, UNLOCK)}
    assert counts == {LOOK: 0, LOCK: 30, MODIFY: 30, UNLOCK: 30}


def test_an_update_of_a_task_that_is_ours_costs_nothing_more(remote: Remote) -> None:
    """Once the service has said that the holder is us."""
    remote.emulator.switches.set({"create_takes_lock": "yes"})
    names = [f"t{number}" for number in range(30)]
    remote.write(*names)
    assert remote.apply().code == 0
    remote.write(*names, text="y")
    remote.calls()
    assert remote.apply("--parallelism=1").code == 0
    calls = remote.calls()
    assert {action: calls.count(action) for action in calls} == {LOOK: 1, MODIFY: 30}
    assert remote.holders() == dict.fromkeys(names, OWNER)


def test_a_lock_that_expires_in_between_is_taken_again(remote: Remote) -> None:
    """The write was refused for that, and is made anew."""
    remote.write("a")
    remote.emulator.switches.set({"modify_needs_lock": "holder"})
    assert remote.apply().code == 0
    remote.write("a", text="y")
    remote.emulator.faults.add("refuse", MODIFY, value="UnsupportedOperation")
    remote.emulator.faults.add("refuse", LOOK, value="InvalidParameter")
    remote.calls()
    ran = remote.apply()
    assert ran.code == 0, ran.out
    assert remote.calls() == [LOCK, MODIFY, LOOK, LOCK, MODIFY, UNLOCK]


CODES = (
    "UnsupportedOperation",
    "FailedOperation",
    "InvalidParameter",
    "UnauthorizedOperation",
    "InvalidAction",
)


@pytest.mark.parametrize("code", CODES)
def test_a_service_that_refuses_everything_about_locks_is_written_to_all_the_same(
    remote: Remote, code: str
) -> None:
    """Some tasks may have no locks, and some accounts no right to them."""
    remote.write("a")
    assert remote.apply().code == 0
    remote.write("a", text="y")
    for action in (LOOK, LOCK, UNLOCK, ROB):
        remote.emulator.faults.add("refuse", action, count=9, value=code)
    remote.calls()
    ran = remote.apply()
    assert ran.code == 0, ran.out
    assert "lock" not in ran.out
    assert remote.calls() == [LOCK, LOOK, MODIFY]


# ── somebody else ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("modify", NEEDS)
def test_what_a_colleague_edits_is_not_written_over_and_the_others_are(two: Remote, modify: str) -> None:
    """Also where the service would let it happen: they would write over it when they save."""
    two.emulator.switches.set({"modify_needs_lock": modify})
    ran = two.apply()
    assert ran.code == 5
    assert ran.out.endswith(
        "orders: failed (manifests/orders.yaml:1:1)\n"
        f"  {MODIFY}: BeingEdited: the task is being edited in WeData by {ANNA}\n"
        "  To wait until they have closed it: --lock-wait 5m. To take it over: --take-lock.\n"
        "\n"
        "Apply incomplete: 0 added, 1 changed, 0 destroyed; 1 failed.\n"
        "What was done is recorded. Continue with:\n"
        "  provisioner apply\n"
    )
    assert two.tasks()["orders"]["Description"].startswith("x")
    assert two.tasks()["users"]["Description"].startswith("y")
    assert two.holders() == {"orders": ANNA}
    assert two.calls().count(MODIFY) == 1
    # Nothing is open: when they have closed it, the next apply does it at once.
    two.edit("orders", CLOSED)
    assert two.apply().code == 0
    assert two.project.run("plan").out.startswith("No changes.")


def test_programs_are_told_the_same(two: Remote) -> None:
    """A code, and what became of locks."""
    document = json.loads(two.apply("--json").out)
    failed = next(one for one in document["results"] if one["outcome"] == "failed")
    assert (failed["address"], failed["code"]) == ("orders", "BeingEdited")
    assert document["editing_locks"] == {"taken_over": [], "not_released": []}
    document = json.loads(two.apply("--json", "--take-lock").out)
    task_id = two.tasks()["orders"]["TaskId"]
    assert document["editing_locks"]["taken_over"] == [
        {"address": "orders", "task_id": task_id, "holder": ANNA}
    ]


def test_somebody_who_opens_it_after_it_was_read_is_named_too(two: Remote) -> None:
    """The lock is refused, and then it is asked who has it."""
    two.edit("orders", CLOSED)
    two.emulator.faults.add("answer_late", "DescribeIntegrationTask", count=2)
    process = two.start()
    two.gate.wait_for(2)
    two.edit("orders", OPEN)
    two.gate.open()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 5, err
    assert f"the task is being edited in WeData by {ANNA}" in out
    assert two.holders() == {"orders": ANNA}


def test_it_is_waited_for_a_colleague_and_the_others_go_on(two: Remote) -> None:
    """Said once; what is done meanwhile is done before they close it."""
    process = two.start("--lock-wait", "5m", "--parallelism=1")
    assert process.stderr is not None
    heard = []
    for line in process.stderr:
        heard.append(line)
        if "users: Modifications complete" in line:
            break
    assert f"orders: waits for the editing lock (held by {ANNA})\n" in heard
    two.edit("orders", CLOSED)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "orders: Modifications complete" in err
    assert "waits for" not in err
    assert out.endswith("Apply complete! Resources: 0 added, 2 changed, 0 destroyed.\n")
    assert two.holders() == {}


def test_ctrl_c_ends_the_waiting(two: Remote) -> None:
    """Nothing is sent for the task, and its lock stays with whom it was."""
    process = two.start("--lock-wait", "5m")
    assert process.stderr is not None
    for line in process.stderr:
        if "waits for the editing lock" in line:
            break
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "orders" in out.partition("\nNot attempted (interrupted):")[2]
    assert "orders: failed" not in out
    assert two.holders() == {"orders": ANNA}


@pytest.mark.parametrize("rob", ["allowed", "refused"])
def test_a_lock_is_taken_over_only_on_demand(two: Remote, rob: str) -> None:
    """From whom it was is in the summary. Where the service does not allow it, nothing is written."""
    two.emulator.switches.set({"rob": rob, "modify_needs_lock": "holder"})
    ran = two.apply("--take-lock")
    if rob == "allowed":
        assert ran.code == 0, ran.out
        assert ran.out.endswith(
            f"\norders: took the editing lock of {ANNA}\n"
            "Apply complete! Resources: 0 added, 2 changed, 0 destroyed.\n"
        )
        assert two.holders() == {}
    else:
        assert ran.code == 5
        assert (
            f"NotTakenOver: the task is being edited in WeData by {ANNA}, and the editing lock could not be "
            "taken over: the service does not allow it\n"
            "  Ask them to close it; to wait until they have: --lock-wait 5m.\n"
        ) in ran.out
        assert two.holders() == {"orders": ANNA}


@pytest.mark.parametrize("command", ["apply", "destroy"])
def test_a_task_that_a_colleague_edits_is_not_deleted(two: Remote, command: str) -> None:
    """The other one is; with --take-lock both."""
    for path in (two.project.root / "manifests").iterdir():
        path.unlink()
    flags = ("-auto-approve", "--max-deletes=9", "--max-delete-percent=100")
    ran = two.project.run(command, *flags)
    assert ran.code == 5
    assert f"{DELETE}: BeingEdited" in ran.out
    assert two.tasks().keys() == {"orders"}
    ran = two.project.run(command, *flags, "--take-lock")
    assert ran.code == 0, ran.out
    assert f"orders: took the editing lock of {ANNA}\n" in ran.out
    assert two.tasks() == {}


def test_a_saved_plan_can_be_waited_for_and_taken_over_too(two: Remote) -> None:
    """How to do it is no part of what is done."""
    assert two.project.run("plan", "--out=p").code == 0
    ran = two.project.run("apply", "p", "--take-lock")
    assert ran.code == 0, ran.err
    assert f"took the editing lock of {ANNA}" in ran.out


def test_a_refreshed_plan_says_who_is_editing_what_it_would_change(two: Remote) -> None:
    """A note beside the plan, with what can be done; nothing of it is in the plan, and none of our own."""
    two.edit("users", {"Locked": True, "Locker": OWNER})
    assert two.project.run("plan").err == ""
    seen = two.project.run("plan", "--refresh")
    assert seen.err == (
        f"Note: {ANNA} is editing orders in WeData. "
        "An apply leaves that, unless --lock-wait 5m or --take-lock is added.\n"
    )
    assert ANNA not in seen.out
    two.write("orders", text="x")
    assert two.project.run("plan", "--refresh").err == ""


def test_many_open_tasks_are_one_note(remote: Remote) -> None:
    """Not a page."""
    names = [f"t{number}" for number in range(7)]
    remote.write(*names)
    assert remote.apply().code == 0
    remote.write(*names, text="y")
    for name in names:
        remote.edit(name, OPEN)
    err = remote.project.run("plan", "--refresh").err
    assert err.startswith(f"Note: {ANNA} is editing t0, t1, t2, t3, t4 and 2 more in WeData. ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("value", ["-1", "soon", "inf", "nan", ""])
def test_a_time_that_is_none_is_refused(remote: Remote, value: str) -> None:
    """As --lock-timeout does."""
    ran = remote.apply(f"--lock-wait={value}")
    assert ran.code == 1
    assert f"--lock-wait takes seconds, such as 30 or 5m, not {value!r}." in ran.err


# ── however it ends ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(("action", "done"), [(LOCK, False), (MODIFY, True)])
def test_ctrl_c_gives_back_what_was_taken(remote: Remote, action: str, done: bool) -> None:
    """Between the lock and the write, and while the write is under way."""
    remote.write("a")
    assert remote.apply().code == 0
    remote.write("a", text="y")
    remote.emulator.faults.add("answer_late", action)
    process = remote.start()
    remote.gate.wait_for(1)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    for line in process.stderr:
        if "no new calls" in line:
            break
    remote.gate.open()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert ("Not attempted (interrupted):\n  a\n" in out) is not done
    assert remote.tasks()["a"]["Description"].startswith("y" if done else "x")
    assert remote.holders() == {}


def test_a_killed_apply_leaves_its_lock_and_the_next_one_goes_on_with_it(remote: Remote) -> None:
    """Nobody can tell it from a session of our own in the console: so it stays."""
    remote.write("a")
    assert remote.apply().code == 0
    remote.write("a", text="y")
    remote.emulator.faults.add("answer_late", LOCK)
    process = remote.start()
    remote.gate.wait_for(1)
    process.kill()
    process.communicate(timeout=60)
    remote.gate.open()
    assert remote.apply().code == 0
    assert remote.tasks()["a"]["Description"].startswith("y")
    assert remote.holders() == {"a": OWNER}


@pytest.mark.parametrize(
    ("fault", "value", "code"), [("refuse", "InvalidParameter", 5), ("internal_error_after", "", 0)]
)
def test_a_write_that_fails_gives_back_what_was_taken(
    remote: Remote, fault: str, value: str, code: int
) -> None:
    """A refusal, and an answer that does not say what was done."""
    remote.write("a")
    assert remote.apply().code == 0
    remote.write("a", text="y")
    remote.emulator.faults.add(fault, MODIFY, value=value)
    assert remote.apply().code == code
    assert remote.holders() == {}


def test_a_lock_that_cannot_be_given_back_is_a_note_and_no_failure(remote: Remote) -> None:
    """What to do is said; the next apply goes on."""
    remote.write("a")
    assert remote.apply().code == 0
    remote.write("a", text="y")
    remote.emulator.faults.add("refuse", UNLOCK, value="FailedOperation")
    ran = remote.apply()
    task_id = remote.tasks()["a"]["TaskId"]
    assert ran.code == 0
    assert ran.out.endswith(
        "\na: its editing lock could not be released: "
        f"{UNLOCK}: FailedOperation: Refused on request.\n"
        f"  Nobody else can edit it [id={task_id}] until you unlock it in the WeData console.\n"
        "Apply complete! Resources: 0 added, 1 changed, 0 destroyed.\n"
    )
    assert remote.holders() == {"a": OWNER}
    remote.write("a", text="z")
    assert remote.apply().code == 0


def test_a_lock_that_is_gone_by_itself_need_not_be_given_back(remote: Remote) -> None:
    """Nothing is said of it."""
    remote.write("a")
    assert remote.apply().code == 0
    remote.write("a", text="y")
    remote.emulator.faults.add("internal_error_after", UNLOCK, count=3)
    ran = remote.apply()
    assert (ran.code, "editing lock" in ran.out) == (0, False)
