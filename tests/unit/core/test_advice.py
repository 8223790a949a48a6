"""Advice: by the whole code, then by its part before the dot, else none."""

import pytest

from provisioner.core.advice import advice_for


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AuthFailure.SignatureExpire", "clock is off"),
        ("AuthFailure.InvalidAuthorization", "that the message names"),
        ("AuthFailure", "that the message names"),
        ("InvalidParameter.ConditionError", "Correct the manifest"),
        ("LimitExceeded.TaskCount", "quota"),
        ("UnsupportedOperation", "locked"),
        ("BeingEdited", "--lock-wait 5m"),
        ("BeingEdited", "--take-lock"),
        ("NotTakenOver", "--lock-wait 5m"),
        ("DeleteFlag 100", "add --stop-running"),
    ],
)
def test_refusal_has_the_advice_of_its_code(code: str, words: str) -> None:
    """The more particular advice stands before the general one."""
    assert words in advice_for(code)


@pytest.mark.parametrize("code", ["", "InternalError", "FailedOperation.X", ".AuthFailure", "authfailure"])
def test_unlisted_code_has_no_advice(code: str) -> None:
    """Nothing is better than a guess."""
    assert advice_for(code) == ""
