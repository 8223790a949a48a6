"""Files that another process has parsed, as bytes."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from provisioner.core.address import Address
from provisioner.core.body.lazy import Unread
from provisioner.core.jobs.codec import packed_run, unpacked_run
from provisioner.core.json_types import JSONObject
from provisioner.core.manifest.parse import ReadFile
from provisioner.core.manifest.problem import Problem, Severity
from provisioner.core.manifest.spec import Removal, TaskSpec
from provisioner.core.source import Source


def packed(files: Iterable[ReadFile]) -> bytes:
    """Files as bytes: a line of JSON that says everything but the bodies, and then those.

    So what comes from another process costs little to take over, and what nobody looks at stays small.
    """
    rows, bodies = [], []
    for file in files:
        specs = []
        for spec in file.specs:
            texts = [_text(spec.body)]
            if spec.create_body is not spec.body:
                texts.append(_text(spec.create_body))
            bodies += texts
            specs.append(_row(spec, [len(text) for text in texts]))
        problems = [_problem_row(problem) for problem in file.problems]
        removals = [(one.address, _place_row(one.source), one.destroy) for one in file.removals]
        rows.append((file.path, file.digest, specs, problems, removals))
    return b"\n".join([json.dumps(rows).encode(), b"".join(bodies)])


def unpacked(data: bytes) -> Iterator[ReadFile]:
    """The files again; their bodies are read when somebody asks for them."""
    end = data.index(b"\n")
    begin = end + 1
    for path, digest, rows, problems, removed in json.loads(data[:end]):
        specs = []
        for row, lengths in rows:
            bodies = []
            for length in lengths:
                bodies.append(Unread(path, data, begin, begin + length))
                begin += length
            specs.append(_spec(row, bodies[0], bodies[-1]))
        removals = tuple(
            Removal(address=Address(address), source=Source(*place), destroy=destroy)
            for address, place, destroy in removed
        )
        found = tuple(_problem(*problem) for problem in problems)
        yield ReadFile(path, digest, tuple(specs), found, removals)


def _text(body: JSONObject) -> bytes:
    return json.dumps(body).encode()


def _row(spec: TaskSpec, lengths: list[int]) -> object:
    return (
        spec.address,
        _place_row(spec.source),
        spec.project_id,
        spec.task_type,
        spec.digest,
        spec.prevent_destroy,
        spec.ignore_changes,
        spec.moved_from,
        packed_run(spec.run),
    ), lengths


def _place_row(place: Source) -> tuple[str, int, int]:
    return place.file, place.line, place.column


def _spec(row: Sequence[Any], body: Unread, create_body: Unread) -> TaskSpec:
    address, place, project_id, task_type, digest, prevent_destroy, ignore_changes, moved_from, run = row
    return TaskSpec(
        address=Address(address),
        source=Source(*place),
        project_id=project_id,
        task_type=task_type,
        body=body,
        create_body=create_body,
        digest=digest,
        prevent_destroy=prevent_destroy,
        ignore_changes=tuple(ignore_changes),
        moved_from=tuple(moved_from),
        run=unpacked_run(run),
    )


def _problem_row(problem: Problem) -> object:
    source = problem.source
    return source.file, source.line, source.column, problem.message, problem.severity


def _problem(file: str, line: int, column: int, message: str, severity: str) -> Problem:
    return Problem(Source(file, line, column), message, Severity(severity))
