"""What the emulator's gateway lets through, and with which code it refuses the rest."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from projects import REPOSITORY
from provisioner.core.api.signing import Credential, authorization
from provisioner.emulator import definition
from provisioner.emulator.gateway import MAX_BODY_BYTES, Call, Gateway, Request
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.switches import SWITCHES, Switches
from provisioner.errors import UsageError

VECTORS = json.loads((REPOSITORY / "tests" / "golden" / "signing" / "vectors.json").read_text())["vectors"]
NOW = 1_700_000_000
CREDENTIAL = Credential("AKIDEXAMPLE0001", "EXAMPLEKEY0001")
OTHER_CREDENTIAL = Credential("AKIDEXAMPLE0002", "EXAMPLEKEY0002")
GOOD: dict[str, Any] = {"ProjectId": "1", "TaskInfo": {"TaskName": "a"}}


def _gateway(monotonic: Callable[[], float] = lambda: 0.0, **switches: Any) -> Gateway:
    keys = {one.secret_id: one.secret_key for one in (CREDENTIAL, OTHER_CREDENTIAL)}
    return Gateway(definition.load(), Switches(switches), keys, lambda: NOW, monotonic)


def _request(
    parameters: object = None,
    *,
    action: str = "CreateIntegrationTask",
    timestamp: int = NOW,
    body: bytes | None = None,
    change: Mapping[str, str | None] | None = None,
    credential: Credential = CREDENTIAL,
) -> Request:
    payload = json.dumps(GOOD if parameters is None else parameters).encode() if body is None else body
    signed = {"content-type": "application/json", "host": "localhost"}
    headers: dict[str, str | None] = {
        **signed,
        "x-tc-action": action,
        "x-tc-version": "2021-08-20",
        "x-tc-timestamp": str(timestamp),
        "x-tc-region": "ap-singapore",
        "authorization": authorization(credential, signed, payload, timestamp=timestamp, service="wedata"),
        **(change or {}),
    }
    return Request(
        "POST", "/", {name: value for name, value in headers.items() if value is not None}, payload
    )


def _code(gateway: Gateway, request: Request) -> str:
    with pytest.raises(RefusedError) as raised:
        gateway.admit(request)
    return raised.value.code


def test_a_good_request_passes() -> None:
    """With its action, its parameters and who signed it."""
    assert _gateway().admit(_request()) == Call("CreateIntegrationTask", GOOD, CREDENTIAL.secret_id)


@pytest.mark.parametrize(
    "vector",
    [v for v in VECTORS if v["method"] == "POST" and v["service"] == "wedata"],
    ids=lambda v: v["name"],
)
def test_requests_signed_by_the_vendors_code_pass_the_signature(vector: dict[str, Any]) -> None:
    """Whatever is refused afterwards, it is not the signature."""
    headers = {name.lower(): value for name, value in vector["sent_headers"].items()}
    headers.setdefault("x-tc-region", "ap-singapore")
    gateway = Gateway(
        definition.load(),
        Switches(),
        {vector["secret_id"]: vector["secret_key"]},
        lambda: float(vector["timestamp"]),
        lambda: 0.0,
    )
    request = Request("POST", "/", headers, vector["body"].encode())
    assert gateway._signer(request) == vector["secret_id"]
    worse = Request("POST", "/", headers, vector["body"].encode() + b" ")
    if vector["name"] != "unsigned_payload":
        with pytest.raises(RefusedError, match="SignatureFailure"):
            gateway._signer(worse)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"x-tc-action": None}, "MissingParameter"),
        ({"x-tc-region": None}, "MissingParameter"),
        ({"x-tc-version": "2025-08-06"}, "NoSuchVersion"),
        ({"x-tc-action": "DropEverything"}, "InvalidAction"),
        ({"content-type": "text/html"}, "UnsupportedProtocol"),
        ({"authorization": "Basic eDp5"}, "AuthFailure.InvalidAuthorization"),
        ({"x-tc-timestamp": "soon"}, "InvalidParameter"),
        ({"host": "elsewhere"}, "AuthFailure.SignatureFailure"),
    ],
    ids=str,
)
def test_headers_are_checked(change: dict[str, str | None], code: str) -> None:
    """Each fault has the code that the real gateway gives."""
    assert _code(_gateway(), _request(change=change)) == code


def test_only_post_to_the_root_is_a_call() -> None:
    """Nothing else is supported."""
    good = _request()
    assert _code(_gateway(), Request("GET", "/", good.headers, b"")) == "UnsupportedProtocol"
    assert _code(_gateway(), Request("POST", "/x", good.headers, good.body)) == "UnsupportedProtocol"


def test_a_signature_is_good_for_five_minutes_either_way() -> None:
    """And not a second longer."""
    for offset in (-300, 300):
        assert _gateway().admit(_request(timestamp=NOW + offset)).parameters == GOOD
    for offset in (-301, 301):
        assert _code(_gateway(), _request(timestamp=NOW + offset)) == "AuthFailure.SignatureExpire"


def test_who_signs_must_be_known_and_sign_what_matters() -> None:
    """The key, the scope, and the two headers that must be signed."""
    good = _request().headers["authorization"]
    other = good.replace("AKIDEXAMPLE0001", "AKIDNOBODY")
    assert _code(_gateway(), _request(change={"authorization": other})) == "AuthFailure.SecretIdNotFound"
    scope = good.replace("/wedata/", "/cvm/")
    assert _code(_gateway(), _request(change={"authorization": scope})) == "AuthFailure.SignatureFailure"
    unsigned = good.replace("content-type;host", "content-type")
    assert (
        _code(_gateway(), _request(change={"authorization": unsigned})) == "AuthFailure.InvalidAuthorization"
    )


def test_the_pace_is_kept_per_key_action_and_second() -> None:
    """The twenty-first within a second is refused; other keys and actions and the next second are not."""
    now = [0.0]
    gateway = _gateway(lambda: now[0])
    for _ in range(20):
        gateway.admit(_request())
    assert _code(gateway, _request()) == "RequestLimitExceeded"
    assert _code(gateway, _request(change={"x-tc-region": "elsewhere"})) == "RequestLimitExceeded"
    gateway.admit(_request(credential=OTHER_CREDENTIAL))
    gateway.admit(_request({"ProjectId": "1", "TaskId": "x"}, action="DescribeIntegrationTask"))
    now[0] += 1
    gateway.admit(_request())
    unlimited = _gateway(calls_per_second=0)
    for _ in range(50):
        unlimited.admit(_request())


@pytest.mark.parametrize(
    ("parameters", "code", "text"),
    [
        ({"TaskInfo": {}}, "MissingParameter", "`ProjectId`"),
        ({**GOOD, "$schema": 1}, "UnknownParameter", "`$schema`"),
        (
            {"ProjectId": "1", "TaskInfo": {"Nodes": [{"Datasourceid": "1"}]}},
            "UnknownParameter",
            "`TaskInfo.Nodes.0.Datasourceid`",
        ),
        ({"ProjectId": "1", "TaskInfo": {"TagList": []}}, "UnknownParameter", "`TaskInfo.TagList`"),
        ({"ProjectId": 1, "TaskInfo": {}}, "InvalidParameter", "`ProjectId`"),
        (
            {"ProjectId": "1", "TaskInfo": {"SyncType": "2"}},
            "InvalidParameter",
            "input type should be `int64`",
        ),
        ({"ProjectId": "1", "TaskInfo": {"SyncType": True}}, "InvalidParameter", "`TaskInfo.SyncType`"),
        ({"ProjectId": "1", "TaskInfo": {"Submit": 1}}, "InvalidParameter", "`bool`"),
        (
            {"ProjectId": "1", "TaskInfo": {"OfflineTaskAddEntity": {"CycleStep": -1}}},
            "InvalidParameter",
            "`uint64`",
        ),
        ({"ProjectId": "1", "TaskInfo": {"Config": {"a": "b"}}}, "InvalidParameter", "`list`"),
        ({"ProjectId": "1", "TaskInfo": {"Config": ["a"]}}, "InvalidParameter", "`TaskInfo.Config.0`"),
        (
            {"ProjectId": "1", "TaskInfo": {"DataProxyUrl": [1]}},
            "InvalidParameter",
            "`TaskInfo.DataProxyUrl.0`",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_parameters_are_those_of_the_definition(parameters: object, code: str, text: str) -> None:
    """Unknown names, wrong types and missing ones are refused, with the path."""
    with pytest.raises(RefusedError) as raised:
        _gateway().admit(_request(parameters))
    assert raised.value.code == code
    assert text in raised.value.message


_WITH = '{"ProjectId": "1", "TaskInfo": %s}'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 100_000,
        (_WITH % '{"RunningCu": NaN}').encode(),
        (_WITH % '{"RunningCu": -Infinity}').encode(),
        (_WITH % '{"RunningCu": 1e400}').encode(),
        (_WITH % '{"TaskName": "a", "TaskName": "b"}').encode(),
        (_WITH % "{}").encode("utf-16"),
        (_WITH % "{}").encode("utf-8-sig"),
        (_WITH % ('{"SyncType": 1%s}' % ("0" * 5000))).encode(),
    ],
    ids=[
        "empty",
        "list",
        "torn",
        "bytes",
        "deep",
        "NaN",
        "Infinity",
        "1e400",
        "twice",
        "utf-16",
        "BOM",
        "long",
    ],
)
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    """Rubbish is answered, not raised; so is what only a lax reader takes for JSON."""
    assert _code(_gateway(), _request(body=body)) == "InvalidParameter"


@pytest.mark.parametrize(
    ("path", "lowest", "highest"),
    [("SyncType", -(2**63), 2**63 - 1), ("CycleStep", 0, 2**64 - 1)],
    ids=["int64", "uint64"],
)
def test_whole_numbers_keep_to_their_64_bits(path: str, lowest: int, highest: int) -> None:
    """The last number at either end passes, the next is of the wrong type."""

    def request(number: int) -> Request:
        info = {path: number} if path == "SyncType" else {"OfflineTaskAddEntity": {path: number}}
        return _request({"ProjectId": "1", "TaskInfo": info})

    for number in (lowest, highest):
        _gateway().admit(request(number))
    for number in (lowest - 1, highest + 1):
        assert _code(_gateway(), request(number)) == "InvalidParameter"


def test_a_number_that_no_float_holds_is_refused() -> None:
    """However many digits it is written with."""
    for digits, fits in ((300, True), (400, False)):
        request = _request({"ProjectId": "1", "TaskInfo": {"RunningCu": 10**digits}})
        if fits:
            _gateway().admit(request)
        else:
            assert _code(_gateway(), request) == "InvalidParameter"


def test_a_body_over_the_limit_is_refused() -> None:
    """10 MB and no more."""
    assert _code(_gateway(), _request(body=b" " * (MAX_BODY_BYTES + 1))) == "RequestSizeLimitExceeded"


def test_fields_of_the_china_site_are_known_there() -> None:
    """The same request, another site."""
    tagged = {"ProjectId": "1", "TaskInfo": {"TagList": [{"Key": "a", "Value": "b"}]}}
    assert _gateway(site="china").admit(_request(tagged)).parameters == tagged


def test_an_explicit_null_is_ignored_or_refused() -> None:
    """As the switch says; nobody knows."""
    null = {"ProjectId": "1", "TaskInfo": {"TaskName": None}}
    assert _gateway().admit(_request(null)).parameters == null
    assert _code(_gateway(null_parameter="refuse"), _request(null)) == "InvalidParameter"


def test_switches_take_what_the_table_says() -> None:
    """And refuse the rest, all or none."""
    switches = Switches()
    assert switches.all() == {switch.name: switch.default for switch in SWITCHES}
    for values in ({"sight": "china"}, {"site": "moon"}, {"latency_ms": "-1"}, {"latency_ms": "x"}):
        with pytest.raises(UsageError):
            switches.set({"modify": "merge", **values})
    assert switches["modify"] == "replace"
