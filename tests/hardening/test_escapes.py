"""616 ways to get a terminal to obey: 77 characters in 8 places, and none of them is printed as it is.

The characters are all 65 controls (C0, DEL, C1) and the 12 that change the direction of text. Each
place is filled with all of them in one run of the real commands, each between two marks of its own;
then each is judged alone: it must have been shown, as an escape, and must be nowhere as it is. A
newline is ours if the line that it begins is: what stands behind one must never begin a line.
"""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from projects import Project
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer
from tally import Table

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
DIRECTIONS = list("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
CHARACTERS = CONTROLS + DIRECTIONS
MARKED = {f"m{number:02}": character for number, character in enumerate(CHARACTERS)}
TEXTS = {mark: f"{mark}<{character}>{mark}" for mark, character in MARKED.items()}
"""``m27<ESC>m27``."""

CREATE, MODIFY = "CreateIntegrationTask", "ModifyIntegrationTask"
_OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\r\x1b\[(?:1A\x1b\[)?2K|\r(?=\n)")
"""On a terminal: colours; a progress bar, which hides the cursor and goes back over its own line; ends of lines."""


def test_there_are_seventy_seven_characters() -> None:
    """65 and 12, no one twice."""
    assert (len(CONTROLS), len(DIRECTIONS), len(set(CHARACTERS))) == (65, 12, 77)


def judge(said: str, tried: Callable[[str, int], None], *, lacking: str = "") -> None:
    """Every character by itself: shown as an escape, and nowhere obeyed."""
    for mark, character in MARKED.items():
        if character == "\n":
            assert not re.search(rf"^\s*>{mark}", said, re.MULTILINE), f"{mark}: a line was forged"
        else:
            assert character not in said, f"{mark}: U+{ord(character):04X} was printed as it is"
        if character not in lacking:
            assert re.search(rf"{mark}<\\+[0-9A-Za-z]+>{mark}", said), f"{mark}: was not shown at all"
    tried("escape cases", len(MARKED))


def body(**fields: Any) -> dict[str, Any]:
    """A small task."""
    return {"SyncType": 2, "TaskType": 201, **fields}


def write(project: Project, name: str, info: Mapping[str, Any], file: str = "") -> None:
    """A manifest in JSON, which can say every character."""
    document = {"kind": "IntegrationTask", "name": name, "TaskInfo": info}
    path = project.root / "manifests" / (file or f"{name}.json")
    path.write_text(json.dumps(document))


def outputs(project: Project, *commands: str, code: int = 0) -> str:
    """Everything that these commands print, on both streams."""
    said = ""
    for command in commands:
        ran = project.run(*command.split())
        assert ran.code == code, (command, ran.err)
        said += f"\n{ran.out}\n{ran.err}\n"
    return said


LOOKING = ("show", "show --json", "state list", "state list --json", "state show x", "state show x --json")
PLANNING = (
    "plan",
    "plan --verbose",
    "plan --json",
    "plan --markdown",
    "plan --out saved",
    "show saved",
    "show saved --json",
    "show saved --markdown",
)


@pytest.fixture
def empty(project: Project) -> Project:
    """A project without manifests."""
    (project.root / "manifests" / "orders-to-lake.yaml").unlink()
    return project


# ── what a manifest says ────────────────────────────────────────────────────


def test_a_value(empty: Project, tried: Table) -> None:
    """Of a setting and of a field: new, kept, changed, removed."""
    write(empty, "x", body(Description="".join(TEXTS.values()), Config=TEXTS))
    said = outputs(empty, "validate", *PLANNING, "apply -auto-approve", *LOOKING)
    write(empty, "x", body(Description="!", Config={mark: f"{text}!" for mark, text in TEXTS.items()}))
    said += outputs(empty, *PLANNING, "apply -auto-approve", "plan --destroy --verbose")
    write(empty, "x", body(SyncType=TEXTS["m27"], Config=[{"Name": "a", "Value": list(TEXTS.values())}]))
    judge(said + outputs(empty, "validate", "plan", code=3), tried)


def test_a_key(empty: Project, tried: Table) -> None:
    """Of a setting: new, kept, changed, removed; and one that no object has."""
    write(empty, "x", body(Config=dict.fromkeys(TEXTS.values(), "one")))
    said = outputs(empty, *PLANNING, "apply -auto-approve", *LOOKING)
    write(empty, "x", body(Config=dict.fromkeys(TEXTS.values(), "two")))
    said += outputs(empty, *PLANNING, "apply -auto-approve")
    write(empty, "x", body())
    judge(said + outputs(empty, *PLANNING), tried)
    write(empty, "x", {**body(), **dict.fromkeys(TEXTS.values(), "three")})
    judge(outputs(empty, "validate", "plan", "apply -auto-approve", code=3), lambda *_: None)
    ran = empty.run("validate", "--json")
    judge(ran.out, lambda *_: None)


def test_a_name(empty: Project, tried: Table) -> None:
    """In a manifest, as the service's name of the task, and as it is typed after a command."""
    for mark, text in TEXTS.items():
        write(empty, text, body(), f"{mark}.json")
    said = outputs(empty, "validate", "plan", "plan --json", code=3) + empty.run("validate", "--json").out
    for path in (empty.root / "manifests").iterdir():
        path.unlink()
    write(empty, "x", body(TaskName="".join(TEXTS.values())))
    said += outputs(empty, *PLANNING, "apply -auto-approve", *LOOKING)
    for text in TEXTS.values():
        for arguments in (
            ("plan", "--target", text),
            ("state", "show", text),
            ("state", "mv", "x", text),
            ("state", "mv", text, "y"),
            ("resolve", text, "--absent"),
            ("resolve", text, "--adopt", "1"),
            ("plan", "--env", text),
            (text,),
        ):
            ran = empty.run(*arguments)
            assert ran.code == 1, arguments
            said += f"{ran.out}\n{ran.err}"
    judge(said, tried)


def test_a_text_of_several_lines(empty: Project, tried: Table) -> None:
    """As a whole, and line by line where it changed."""
    first = "\n".join(["first", *TEXTS.values(), "last"])
    write(empty, "x", body(Config={"query": first}))
    said = outputs(empty, *PLANNING, "apply -auto-approve", *LOOKING)
    second = "\n".join(["first", *(f"{text}!" for text in TEXTS.values()), "last"])
    write(empty, "x", body(Config={"query": second}))
    judge(said + outputs(empty, *PLANNING, "apply -auto-approve"), tried)


def test_the_name_of_a_file(empty: Project, tried: Table) -> None:
    """Of a task that is planned, of one that fails, of one that is wrong; NUL is in the name of a folder."""
    on_disk = {mark: text for mark, text in TEXTS.items() if "\0" not in text}
    for mark, text in on_disk.items():
        write(empty, mark, body(), f"{text}.json")
    said = outputs(empty, "plan --verbose", "plan --json", "plan --out saved", "show saved --verbose")
    for text in on_disk.values():
        (empty.root / "manifests" / f"{text}.json").write_text("{")
    said += outputs(empty, "validate", "plan", "plan --json", "apply -auto-approve", code=3)
    said += empty.run("validate", "--json").out
    settings = (empty.root / "provisioner.yaml").read_text()
    for text in TEXTS.values():
        for line in ("manifests: manifests", "state: provisioner.state.json"):
            empty.write(
                "provisioner.yaml", settings.replace(line, f"{line.partition(':')[0]}: {json.dumps(text)}")
            )
            ran = empty.run("plan")
            assert ran.code == 3, (line, text)
            said += f"{ran.out}\n{ran.err}"
    (empty.root / "provisioner.yaml").write_text(settings)
    for path in (empty.root / "manifests").iterdir():
        path.unlink()
    for text in on_disk.values():
        for arguments in (
            ("plan", "--chdir", text),
            ("plan", "--state", text),
            ("show", text),
            ("plan", "--out", f"x/{text}"),
        ):
            ran = empty.run(*arguments)
            assert ran.code == 1, arguments
            said += f"{ran.out}\n{ran.err}"
    judge(said, tried)


# ── what the service says ───────────────────────────────────────────────────


class Rude(EmulatorServer):
    """An emulator whose answers say what it is told to say, for the task of a mark."""

    def __init__(self) -> None:
        super().__init__(switches={"calls_per_second": 0})
        self.refusal: Callable[[str], RefusedError] | None = None
        """By mark: how a create or a modify is refused."""

        self.odd_ids: dict[str, str] = {}
        """TaskId as it is kept -> as it is said."""

        self.has_odd_ids = False
        self.request_id: Callable[[str], str] | None = None
        """By mark: the RequestId of a create."""

        self._perform = self.service.perform
        self.service.perform = self._say  # type: ignore[method-assign]  # what the service is here

    def handle(self, request: Any) -> Any:
        """See ``EmulatorServer.handle``."""
        answer = super().handle(request)
        name = _name_in(json.loads(request.body))
        if answer is None or self.request_id is None or not name:
            return answer
        document = json.loads(answer.body)
        document["Response"]["RequestId"] = self.request_id(name)
        return type(answer)(answer.status, json.dumps(document).encode())

    def _say(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if self.refusal is not None and action in (CREATE, MODIFY):
            raise self.refusal(_name_in(parameters))
        real = {odd: kept for kept, odd in self.odd_ids.items()}
        fields = self._perform(action, _with_ids(parameters, real))
        if self.has_odd_ids and action == CREATE:
            self.odd_ids[fields["TaskId"]] = TEXTS[_name_in(parameters)]
        odd: dict[str, Any] = _with_ids(fields, self.odd_ids)
        return odd


def _name_in(parameters: Mapping[str, Any]) -> str:
    return str(parameters.get("TaskInfo", {}).get("TaskName", ""))


def _with_ids(value: Any, ids: Mapping[str, str]) -> Any:
    """The same with other TaskIds."""
    if isinstance(value, Mapping):
        return {
            name: ids.get(item, item) if name == "TaskId" else _with_ids(item, ids)
            for name, item in value.items()
        }
    return [_with_ids(item, ids) for item in value] if isinstance(value, list) else value


@pytest.fixture
def rude(empty: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rude]:
    """With a task for each mark to be applied to it."""
    for mark in MARKED:
        write(empty, mark, body(TaskName=mark))
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", EMBEDDED_CREDENTIAL[0])
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", EMBEDDED_CREDENTIAL[1])
    monkeypatch.setenv("PROVISIONER_RATE_PER_SECOND", "1000")
    with Rude() as served:
        monkeypatch.setenv("PROVISIONER_ENDPOINT", served.url)
        yield served


def refused(project: Project) -> str:
    """What an apply says in which everything is refused, in words and as JSON."""
    ran, as_json = project.run("apply", "-auto-approve"), project.run("apply", "-auto-approve", "--json")
    assert (ran.code, as_json.code) == (5, 5), ran.err
    assert len(json.loads(as_json.out)["results"]) == len(MARKED)
    judge(as_json.out, lambda *_: None)
    judge(ran.out, lambda *_: None)
    return ran.out + ran.err + as_json.out + as_json.err


def test_a_message_of_the_service(rude: Rude, empty: Project, tried: Table) -> None:
    """Where a write is refused; in the summary, in the conversation and in JSON."""
    rude.refusal = lambda mark: RefusedError("InvalidParameterValue", TEXTS[mark])
    judge(refused(empty), tried)


def test_a_task_id(rude: Rude, empty: Project, tried: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a task is shown, moved, forgotten, adopted and destroyed; the service's answer is not believed."""
    rude.has_odd_ids = True
    said = outputs(empty, "apply -auto-approve", code=6)
    rude.has_odd_ids = False
    rude.odd_ids.clear()
    said += outputs(empty, "apply -auto-approve")
    # An id that an older version believed, or that somebody wrote into the file.
    path = empty.root / "provisioner.state.json"
    state = json.loads(path.read_text())
    for mark in MARKED:
        state["tasks"][mark]["task_id"] = TEXTS[mark]
    path.write_text(json.dumps(state))
    said += outputs(empty, "state accept", "show", "show --json", "state list --json")
    for mark in MARKED:
        said += outputs(empty, f"state show {mark}", f"state show {mark} --json")
    said += outputs(empty, "state mv m00 y", "state mv y m00", *PLANNING)
    for mark in list(MARKED)[:40]:
        said += outputs(empty, f"state rm {mark}")
    # What the service does not show may be younger than its listings: nothing is sent. Then it is gone.
    said += outputs(empty, "plan --destroy --verbose") + outputs(empty, "destroy -auto-approve", code=4)
    monkeypatch.setenv("PROVISIONER_LIST_LAG_SECONDS", "0")
    said += outputs(empty, "destroy -auto-approve")
    judge(said, tried)
    for text in TEXTS.values():
        ran = empty.run("resolve", "m00", "--adopt", text)
        assert ran.code == 1, ran.err
        judge(ran.err + ran.out + "".join(_escaped(other) for other in TEXTS.values()), lambda *_: None)


def _escaped(text: str) -> str:
    return text[:4] + "\\x" + text[5:]


def test_an_error_text(rude: Rude, empty: Project, tried: Table) -> None:
    """The code of a refusal and the RequestId, which is also kept and shown where all went well."""
    rude.refusal = lambda mark: RefusedError(f"InvalidParameterValue.{TEXTS[mark]}", "no")
    # What is not spelled like a code is none: the outcome is not known then.
    said = outputs(empty, "apply -auto-approve", code=6)
    for mark in MARKED:
        said += outputs(empty, f"resolve {mark} --absent")
    rude.refusal = lambda _: RefusedError("InvalidParameterValue", "no")
    rude.request_id = lambda mark: TEXTS[mark]
    said += refused(empty)
    rude.refusal = None
    said += outputs(empty, "apply -auto-approve", "show", "show --json")
    judge(said, tried)


# ── on a terminal ───────────────────────────────────────────────────────────


def test_a_terminal_gets_our_colours_and_nothing_else(empty: Project) -> None:
    """A plan and an apply with every character in values, keys and lines, seen by a pseudo-terminal."""
    texts = list(TEXTS.values())
    write(empty, "x", body(Config={**TEXTS, **dict.fromkeys(texts, "one"), "query": "\n".join(texts)}))
    write(empty, "y", body(SyncType=2, Description="".join(texts)))
    for arguments, code in ((["plan", "--verbose"], 0), (["apply", "-auto-approve"], 0), (["show"], 0)):
        said = _on_a_terminal(empty, arguments, code)
        judge(_OURS.sub("", said), lambda *_: None, lacking="\n" if arguments[0] == "apply" else "")


def _on_a_terminal(project: Project, arguments: list[str], code: int) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "provisioner", *arguments],
        cwd=project.root,
        env={**os.environ, "TERM": "xterm-256color", "NO_COLOR": "", "COLUMNS": "200"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:  # what Linux says when the last writer has gone
            break
        if not read:
            break
        said += read
    os.close(ours)
    assert process.wait() == code, said
    assert b"\x1b[" in said
    return said.decode()
