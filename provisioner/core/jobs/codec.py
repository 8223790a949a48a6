"""Jobs, their steps and their moments as text: for the snapshot, the journal and the cache of manifests."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from provisioner.core.jobs.job import Job, OnChange, RunRecord, RunSpec, RunState, Step
from provisioner.core.json_types import JSONObject, JSONValue

_FIRST_MOMENT = 946_684_800_000
"""The year 2000."""

_LAST_MOMENT = 253_402_300_800_000
_MOMENT_DIGITS = 20


def step_document(step: Step, run: RunRecord) -> JSONObject:
    """A step that is about to be sent, and what it is judged by afterwards."""
    return {"step": step.value, "job": run.job.value, "version": run.version}


def step_of(document: JSONObject) -> tuple[Step, RunRecord]:
    """The step of a ``step_document``, and the job before it.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    version = document["version"]
    if not isinstance(version, int):
        raise TypeError("a version is no number")
    return Step(str(document["step"])), RunRecord(job=Job(str(document["job"])), version=version)


def encode_run(run: RunRecord) -> JSONObject:
    """A record as JSON, for the snapshot and the journal."""
    return {**asdict(run), "step": run.step.value if run.step else ""}


def decode_run(document: Mapping[str, Any]) -> RunRecord:
    """A record from JSON.

    Raises:
        KeyError, TypeError, ValueError: not of the right shape.
    """
    names = ("job", "digest", "current", "step", "approval")
    texts = [document[name] for name in names]
    numbers = (document["version"], document["sent"])
    if not (all(type(one) is str for one in texts) and all(type(one) is int for one in numbers)):
        raise TypeError("a run record is of another shape")
    return RunRecord(
        job=Job(document["job"]),
        digest=document["digest"],
        current=document["current"],
        version=document["version"],
        step=Step(document["step"]) if document["step"] else None,
        sent=document["sent"],
        approval=document["approval"],
    )


def packed_run(wish: RunSpec | None) -> str:
    """A wish as one word, for the cache of manifests; empty if there is none."""
    if wish is None:
        return ""
    return f"{wish.state} {wish.on_change} {'' if wish.start_from is None else wish.start_from}"


def unpacked_run(text: str) -> RunSpec | None:
    """The wish again."""
    if not text:
        return None
    state, on_change, start = text.split(" ")
    return RunSpec(
        state=RunState(state), on_change=OnChange(on_change), start_from=int(start) if start else None
    )


def start_moment(value: JSONValue) -> int | None:
    """Unix milliseconds of ``start_from`` as it is written; None if it is no such moment."""
    text = str(value)
    if text.isascii() and text.isdecimal():
        return int(text) if len(text) <= _MOMENT_DIGITS and is_moment(int(text)) else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    milliseconds = int(moment.timestamp() * 1000)
    return milliseconds if is_moment(milliseconds) else None


def is_moment(milliseconds: int) -> bool:
    """Whether a job can be meant to start there: what is before the year 2000 was written in seconds."""
    return _FIRST_MOMENT <= milliseconds < _LAST_MOMENT
