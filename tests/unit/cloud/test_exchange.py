"""The table of outcomes, complete: every kind of call against everything that can happen."""

import pytest

from provisioner.cloud.exchange import (
    Answered,
    Failed,
    Happened,
    Kind,
    Lost,
    NotSent,
    Unusable,
    Verdict,
    family,
    is_not_found,
    is_rate_limit,
    verdict_of,
)

DOUBT = " unknown" * 3
ANSWERED: Happened = Answered(response={})

# What happened, then the verdict for a read, a create, a modify and a delete.
EVENTS: list[tuple[str, Happened, str]] = [
    ("answered", ANSWERED, "answered answered answered answered"),
    ("not sent", NotSent(reason="refused"), "repeat repeat repeat repeat"),
    ("never to be sent", NotSent(reason="certificate", is_passing=False), "refused repeat repeat repeat"),
    ("timeout", Lost(code="Timeout", reason=""), "repeat unknown unknown unknown"),
    ("connection lost", Lost(code="ConnectionLost", reason=""), "repeat unknown unknown unknown"),
    ("not JSON", Unusable(code="NotJSON", reason=""), "refused unknown unknown unknown"),
    ("no Response", Unusable(code="NoResponse", reason=""), "refused unknown unknown unknown"),
    (
        "an older error",
        Unusable(code="OldError", reason="InvalidParameter"),
        "refused unknown unknown unknown",
    ),
    ("too large", Unusable(code="TooLarge", reason=""), "refused unknown unknown unknown"),
    *(
        (
            f"HTTP {status}",
            Unusable(code=f"HTTP {status}", reason="", status=status),
            f"{read} " + "unknown " * 3,
        )
        for status, read in [
            *((status, "refused") for status in (204, 301, 302, 307, 400, 403, 404, 413)),
            *((status, "repeat") for status in (408, 429, 500, 502, 503, 504)),
        ]
    ),
]

# Refused before effect, exactly as the create protocol lists them.
BEFORE_EFFECT = (
    "AuthFailure AuthFailure.SignatureFailure AuthFailure.SecretIdNotFound AuthFailure.UnauthorizedOperation "
    "UnauthorizedOperation UnauthorizedOperation.UserNotInProject MissingParameter UnknownParameter "
    "InvalidParameter InvalidParameter.WorkspaceNotExist InvalidParameterValue InvalidParameterValue.X "
    "UnsupportedOperation OperationDenied OperationDenied.X LimitExceeded"
)
FOR_PACE = (
    "RequestLimitExceeded RequestLimitExceeded.UinLimitExceeded RequestLimitExceeded.IPLimitExceeded "
    "RequestLimitExceeded.GlobalRegionUinLimitExceeded"
)
PASSING = (
    "InternalError InternalError.CallSchedulerApiError ServiceUnavailable FailedOperation "
    "FailedOperation.X ResourceUnavailable ResourceInUse"
)
# In doubt, whatever they sound like.
OTHERS = (
    "ResourceInsufficient ResourcesSoldOut ResponseSizeLimitExceeded RequestSizeLimitExceeded InvalidRequest "
    "InvalidAction UnsupportedRegion ActionOffline NoSuchVersion IpInBlacklist DryRunOperation Whatever "
    "authfailure AuthFailureX .AuthFailure X.AuthFailure"
)
CODES = [
    *((code, "refused refused refused refused") for code in BEFORE_EFFECT.split()),
    *((code, "repeat repeat repeat repeat") for code in FOR_PACE.split()),
    *((code, "repeat unknown unknown unknown") for code in PASSING.split()),
    *((code, "refused unknown unknown unknown") for code in OTHERS.split()),
    ("AuthFailure.SignatureExpire", "repeat repeat repeat repeat"),
    ("AuthFailure.TokenFailure", "repeat repeat repeat repeat"),
    ("ResourceNotFound", "answered refused refused answered"),
    ("ResourceNotFound.X", "answered refused refused answered"),
    ("RequestLimitExceeded (4400)", "refused unknown unknown unknown"),
    *(
        (f"{code}.Foo (4000)", "refused unknown unknown unknown")
        for code in (*BEFORE_EFFECT.split(), "ResourceNotFound")
    ),
    ("RequestLimitExceeded.Foo (4400)", "refused unknown unknown unknown"),
    ("InvalidParameter.", "refused unknown unknown unknown"),
    ("InvalidParameter. X", "refused unknown unknown unknown"),
    ("InvalidParameter.X\n", "refused unknown unknown unknown"),
]
TABLE = EVENTS + [(code, Failed(code=code, message=""), row) for code, row in CODES]


@pytest.mark.parametrize(("happened", "row"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_table(happened: Happened, row: str) -> None:
    kinds = (Kind.READ, Kind.CREATE, Kind.MODIFY, Kind.DELETE)
    assert [verdict_of(kind, happened) for kind in kinds] == row.split()


@pytest.mark.parametrize(("happened", "row"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_call_about_the_editing_lock_is_judged_like_a_read_but_for_the_codes_that_say_no(
    happened: Happened, row: str
) -> None:
    """With FailedOperation its actions say no; one that is busy is written without."""
    says_no = {"FailedOperation", "ResourceUnavailable", "ResourceInUse"}
    verdict = verdict_of(Kind.EDITING_LOCK, happened)
    if isinstance(happened, Failed) and family(happened.code) in says_no:
        assert verdict is Verdict.REFUSED
    else:
        assert verdict == row.split(maxsplit=1)[0]


@pytest.mark.parametrize("code", ["InvalidParameter", "RequestLimitExceeded", "ResourceNotFound", "X"])
def test_an_error_beside_a_task_id_is_in_doubt_for_every_write(code: str) -> None:
    """A reply that contradicts itself is no certain refusal."""
    failed, plain = Failed(code=code, message="", names_task=True), Failed(code=code, message="")
    for kind in Kind:
        expected = verdict_of(kind, plain) if kind.may_repeat else Verdict.UNKNOWN
        assert verdict_of(kind, failed) is expected


def test_a_code_falls_back_to_the_part_before_the_first_dot() -> None:
    assert family("A.B.C") == "A"
    assert family("A") == "A"
    assert family("A.B (1)") == "A.B (1)"


def test_only_an_error_of_the_service_is_not_found_or_for_pace() -> None:
    assert is_not_found(Failed(code="ResourceNotFound.X", message=""))
    assert not is_not_found(NotSent(reason="ResourceNotFound"))
    assert is_rate_limit(Failed(code="RequestLimitExceeded.IPLimitExceeded", message=""))
    assert not is_rate_limit(ANSWERED)
