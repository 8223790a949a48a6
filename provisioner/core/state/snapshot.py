"""The snapshot of the state as bytes.

Rule: encoding is pure and has one result; writing the bytes so that they survive is somebody
else's work. A snapshot that is empty, torn, edited or from a newer version is refused with what to
do about it, never taken for "nothing exists": a forgotten TaskId is a task created twice.

Layout: keys sorted, one task a block, one field a line, so that git shows a readable difference.
The checksum covers every byte after its own line.

There are two readers. The quick one takes a file whose checksum fits and that is laid out like this:
it reads everything but the specs, and each of those when somebody asks for it, because a plan of
tasks that did not change never does. Where it gives up, the careful one reads the whole file and
says what is wrong. A spec that nobody asked for is written again as it was read.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

from provisioner.core.address import Address, TaskId
from provisioner.core.body.lazy import Unread, held
from provisioner.core.jobs.codec import decode_run, encode_run, step_of
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.state.state import Attempt, Remote, State, TaskRecord, WriteKind
from provisioner.errors import StateDamagedError

FORMAT = 1

Value = TypeVar("Value")

_TASKS = b'\n "tasks": {\n'
_SPEC_BEGINS = b'\n   "spec": {\n'
_SPEC_ENDS = b"\n   }"
_CHECKSUM = re.compile(rb'"checksum": *"([0-9a-f]{64})"')

_FIELDS = sorted(TaskRecord.__dataclass_fields__)
_FIELDS_WITHOUT_RUN = [name for name in _FIELDS if name != "run"]


def encode(state: State, tool_version: str) -> bytes:
    """The snapshot file."""
    head: dict[str, JSONValue] = {
        "endpoint": state.remote.endpoint,
        "fence": state.fence,
        "format": FORMAT,
        "lineage": state.lineage,
        "region": state.remote.region,
        "sent": list(state.sent),
        "seq": state.seq,
        "serial": state.serial,
        "stack": state.stack,
        "swallowed": state.swallowed,
        "tool": tool_version,
    }
    pieces = [_utf8(f" {_text(key)}: {_text(value)},\n") for key, value in head.items()]
    pieces += [b' "open": {\n', *_blocks(state.open, _attempt_block), b" },\n"]
    pieces += [b' "tasks": {\n', *_blocks(state.tasks, _record_block), b" }\n}\n"]
    checksum = hashlib.sha256()
    for piece in pieces:
        checksum.update(piece)
    return b"".join([b'{\n "checksum": "%s",\n' % checksum.hexdigest().encode(), *pieces])


def decode(data: bytes, name: str, *, accept_edits: bool = False) -> State:
    """A snapshot file's state.

    Args:
        data: the whole file.
        name: what to call the file in messages.
        accept_edits: take the content although the checksum says that it was edited.

    Raises:
        StateDamagedError: empty, not JSON, of a newer format, edited, or not of the right shape.
    """
    is_intact = _is_intact(data)
    if is_intact and (state := _quick(data, name)):
        return state
    document = _document(data, name)
    if not accept_edits and not is_intact:
        raise StateDamagedError(
            "The state file was changed by something else than provisioner.\n"
            f"  {name}: its checksum does not match.\n"
            "Put the file back from git or a backup. If the change is meant, accept it:\n"
            "  provisioner state accept"
        )
    try:
        return _state(document, iter(()))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(name, _shape_fault(error)) from error


def _quick(data: bytes, name: str) -> State | None:
    """The state of a file that is laid out as ``encode`` does, its specs unread; None for any other."""
    rest, specs = _without_specs(data, name)
    try:
        document = json.loads(rest)
        left = iter(specs)
        state = _state(document, left)
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    is_whole = document.get("format") == FORMAT and next(left, None) is None
    return state if is_whole else None


def _without_specs(data: bytes, name: str) -> tuple[bytes, list[Unread]]:
    """A file with null for every spec that is not empty, and those specs in order."""
    pieces, specs = [], []
    done, begin = 0, data.find(_SPEC_BEGINS, data.find(_TASKS))
    while begin >= 0:
        begin += len(_SPEC_BEGINS) - 2
        end = data.find(_SPEC_ENDS, begin) + len(_SPEC_ENDS)
        specs.append(Unread(name, data, begin, end))
        pieces += [data[done:begin], b"null"]
        done, begin = end, data.find(_SPEC_BEGINS, end)
    return b"".join([*pieces, data[done:]]), specs


def _state(document: Mapping[str, Any], unread: Iterator[Unread]) -> State:
    """The state that a document says.

    Args:
        document: the file's content; each spec may be null for which there is an unread one.
        unread: those specs, in order of the file.

    Raises:
        KeyError, TypeError, ValueError: not of the right shape.
    """
    return State(
        lineage=_typed(document["lineage"], str),
        stack=_typed(document["stack"], str),
        serial=_typed(document["serial"], int),
        seq=_typed(document["seq"], int),
        swallowed=_typed(document["swallowed"], str),
        sent=tuple(_typed(journal, str) for journal in _typed(document.get("sent", []), list)),
        remote=Remote(_typed(document["endpoint"], str), _typed(document["region"], str)),
        fence=_typed(document["fence"], int),
        tasks={
            Address(key): _record(value, unread) for key, value in _typed(document["tasks"], dict).items()
        },
        open={Address(key): decode_attempt(value) for key, value in _typed(document["open"], dict).items()},
    )


def checksum_of(data: bytes) -> str:
    """The checksum that a snapshot file carries; empty if it carries none."""
    found = _CHECKSUM.search(data)
    return found[1].decode() if found else ""


def _document(data: bytes, name: str) -> dict[str, Any]:
    """The file as JSON of a format we can read."""
    if not data or data.isspace():
        raise StateDamagedError(
            f"The state file is empty.\n  {name}\n"
            "An empty state would create every task a second time. Put the file back from git or a backup;\n"
            "if nothing was ever applied here, delete it."
        )
    try:
        document = json.loads(data)
        version = document["format"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(name, _json_fault(error)) from error
    if not isinstance(version, int) or version > FORMAT:
        raise StateDamagedError(
            f"The state file is from a newer version of provisioner.\n  {name}: format {version}, written by "
            f"provisioner {document.get('tool', '(unknown)')}; this one reads up to format {FORMAT}.\n"
            "Use that version or a newer one."
        )
    return cast("dict[str, Any]", document)


def _damaged(name: str, fault: str) -> StateDamagedError:
    return StateDamagedError(
        f"The state file is damaged.\n  {name}: {fault}\nPut the file back from git or a backup."
    )


def _json_fault(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return f"not JSON at line {error.lineno}, column {error.colno}"
        case UnicodeDecodeError():
            return "not UTF-8 text"
        case _:
            return 'no "format": not a state file'


def _shape_fault(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def _is_intact(data: bytes) -> bool:
    end = data.find(b",\n")
    checksum = hashlib.sha256(memoryview(data)[end + 2 :]).hexdigest()
    return data[: max(end, 0)] == b'{\n "checksum": "%s"' % checksum.encode()


_text = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


def _utf8(text: str) -> bytes:
    """A lone surrogate (only the service could have sent one) becomes the JSON escape for itself."""
    return text.encode(errors="backslashreplace")


def _blocks(values: Mapping[Address, Value], block: Callable[[Value], bytes]) -> Iterator[bytes]:
    """A block for each address, in order, with a comma after each but the last."""
    last = max(values, default="")
    for address in sorted(values):
        yield b"  %s: %s%s\n" % (
            _utf8(_text(address)),
            block(values[address]),
            b"" if address == last else b",",
        )


def _attempt_block(attempt: Attempt) -> bytes:
    return _utf8(_text(encode_attempt(attempt)))


def _record_block(record: TaskRecord) -> bytes:
    """One field a line, TaskInfo's fields and its nodes too."""
    lines = [b'   "%s": %s' % (name.encode(), _field(record, name)) for name in _written_fields(record)]
    return b"{\n%s\n  }" % b",\n".join(lines)


def _field(record: TaskRecord, name: str) -> bytes:
    if name == "run" and record.run is not None:
        return _utf8(_text(encode_run(record.run)))
    if name != "spec":
        return _utf8(_text(getattr(record, name)))
    spec = held(record, "spec")
    return spec.text if isinstance(spec, Unread) else _utf8(_body_block(spec))


def _body_block(body: JSONObject) -> str:
    lines = []
    for name in sorted(body):
        value = body[name]
        if isinstance(value, list) and value:
            items = ",\n".join(f"     {_text(item)}" for item in value)
            lines.append(f"    {_text(name)}: [\n{items}\n    ]")
        else:
            lines.append(f"    {_text(name)}: {_text(value)}")
    inner = ",\n".join(lines)
    return f"{{\n{inner}\n   }}" if lines else "{}"


def encode_attempt(attempt: Attempt) -> dict[str, JSONValue]:
    """An attempt as JSON, for the snapshot and the journal."""
    return {name: cast("JSONValue", getattr(attempt, name)) for name in Attempt.__dataclass_fields__}


def decode_attempt(value: object) -> Attempt:
    """An attempt from JSON.

    Raises:
        KeyError, TypeError, ValueError: not of the right shape.
    """
    fields = _typed(value, dict)
    task_id, kind = fields["task_id"], WriteKind(_typed(fields["kind"], str))
    if kind is WriteKind.RUN:
        step_of(_typed(fields["spec"], dict))
    return Attempt(
        address=Address(_typed(fields["address"], str)),
        kind=kind,
        attempt=_typed(fields["attempt"], str),
        project_id=_typed(fields["project_id"], str),
        task_type=_typed(fields["task_type"], int),
        task_id=None if task_id is None else TaskId(_typed(task_id, str)),
        spec=_typed(fields["spec"], dict),
        digest=_typed(fields["digest"], str),
        protected=_typed(fields["protected"], bool),
        timestamp=_typed(fields["timestamp"], int),
        payload_digest=_typed(fields["payload_digest"], str),
        marked=_typed(fields["marked"], bool),
    )


def encode_record(record: TaskRecord) -> dict[str, JSONValue]:
    """A record as JSON, for the journal."""
    fields = {name: cast("JSONValue", getattr(record, name)) for name in _written_fields(record)}
    return {**fields, "run": encode_run(record.run)} if record.run is not None else fields


def decode_record(value: object) -> TaskRecord:
    """A record from JSON.

    Raises:
        KeyError, TypeError, ValueError: not of the right shape.
    """
    return _record(value, iter(()))


def _written_fields(record: TaskRecord) -> list[str]:
    """The fields that are written; what is not managed leaves no trace."""
    return _FIELDS if record.run is not None else _FIELDS_WITHOUT_RUN


def _record(value: object, unread: Iterator[Unread]) -> TaskRecord:
    """A record from JSON; a spec that is null is the next unread one.

    Raises:
        KeyError, TypeError, ValueError: not of the right shape.
    """
    fields = _typed(value, dict)
    task_id = TaskId(_typed(fields["task_id"], str))
    if not task_id:
        raise ValueError("a task has an empty task_id")
    spec = fields["spec"]
    if spec is None:
        spec = next(unread, None)
    return TaskRecord(
        project_id=_typed(fields["project_id"], str),
        task_id=task_id,
        task_type=_typed(fields["task_type"], int),
        spec=spec if isinstance(spec, Unread) else _typed(spec, dict),
        digest=_typed(fields["digest"], str),
        request_id=_typed(fields["request_id"], str),
        applied_at=_typed(fields["applied_at"], str),
        protected=_typed(fields["protected"], bool),
        attempt=_typed(fields["attempt"], str),
        marked_as=_typed(fields["marked_as"], str),
        run=decode_run(_typed(fields["run"], dict)) if "run" in fields else None,
    )


def _typed(value: object, kind: type[Any]) -> Any:  # noqa: ANN401  # narrowed by the caller's field
    """The value, if it is of that JSON type.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{json.dumps(value)[:60]} stands where a {kind.__name__} belongs")
    return value
