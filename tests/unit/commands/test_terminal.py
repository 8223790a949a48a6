"""The terminal: one result, a conversation that obeys nobody, and errors in both."""

import io
import json

import pytest

from provisioner.commands.terminal import Terminal
from provisioner.errors import StateLockedError


def test_the_conversation_shows_what_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever quotes a name need not think of it; the newlines are ours."""
    Terminal().say("one\x1b[31m\ntwo\u202e")
    Terminal().error(StateLockedError("three\r"))
    assert capsys.readouterr().err == "one\\x1b[31m\ntwo\\u202e\nError: three\\r\n"


def test_there_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """An error after a result is said in words only; a program reads one document."""
    terminal = Terminal(as_json=True)
    terminal.document('{"a": 1}')
    terminal.error(StateLockedError("locked"))
    captured = capsys.readouterr()
    assert (json.loads(captured.out), captured.err) == ({"a": 1}, "Error: locked\n")


def test_an_error_is_a_document_only_if_that_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """With the class, the words and the exit code."""
    Terminal().error(StateLockedError("locked"))
    assert capsys.readouterr().out == ""
    Terminal(as_json=True).error(StateLockedError("locked\nby \x1b"))
    error = {"kind": "StateLockedError", "message": "locked\nby \x1b", "exit_code": 4}
    assert json.loads(capsys.readouterr().out) == {"format_version": "1.0", "error": error}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk", "utf-8"])
def test_a_document_says_the_same_in_every_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """Also with characters beyond the first plane."""
    said = {"text": "é 订单 😀 → \x9b"}
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr("sys.stdout", stream)
    Terminal().document(json.dumps(said, ensure_ascii=False))
    stream.seek(0)
    assert json.loads(stream.read()) == said
