"""Every stage of the signature against known vectors: the vendor's client and its published example."""

import hashlib
import json
from typing import Any

import pytest

from projects import REPOSITORY
from provisioner.core.api import signing

FILE = REPOSITORY / "tests" / "golden" / "signing" / "vectors.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["vectors"]

every_vector = pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])


def _signed(vector: dict[str, Any]) -> dict[str, str]:
    """The headers that the vector signs, spelled as they were sent."""
    sent = {name.lower(): (name, value) for name, value in vector["sent_headers"].items()}
    return dict(sent[name] for name in vector["signed_headers"].split(";"))


def _payload(vector: dict[str, Any]) -> bytes:
    """What is hashed: the body, or the words that stand for an unsigned one."""
    if vector["sent_headers"].get("X-TC-Content-SHA256") == signing.UNSIGNED_PAYLOAD.decode():
        return signing.UNSIGNED_PAYLOAD
    return bytes(vector["body"].encode())


def test_there_are_nine_vectors() -> None:
    assert len(VECTORS) == 9


@every_vector
def test_payload(vector: dict[str, Any]) -> None:
    assert len(vector["body"].encode()) == vector["body_utf8_bytes"]
    assert hashlib.sha256(_payload(vector)).hexdigest() == vector["hashed_payload"]


@every_vector
def test_date_and_scope(vector: dict[str, Any]) -> None:
    date = signing.utc_date(vector["timestamp"])
    assert date == vector["date_utc"]
    assert signing.credential_scope(date, vector["service"]) == vector["credential_scope"]


@every_vector
def test_canonical_request(vector: dict[str, Any]) -> None:
    headers = _signed(vector)
    assert signing.signed_headers(headers) == vector["signed_headers"]
    canonical = signing.canonical_request(headers, _payload(vector), method=vector["method"])
    assert canonical == vector["canonical_request"]
    assert hashlib.sha256(canonical.encode()).hexdigest() == vector["hashed_canonical_request"]


@every_vector
def test_string_to_sign(vector: dict[str, Any]) -> None:
    text = signing.string_to_sign(
        vector["canonical_request"], vector["timestamp"], vector["credential_scope"]
    )
    assert text == vector["string_to_sign"]


@every_vector
def test_keys(vector: dict[str, Any]) -> None:
    keys = signing.signing_keys(vector["secret_key"], vector["date_utc"], vector["service"])
    expected = ("secret_date_hex", "secret_service_hex", "secret_signing_hex")
    assert [key.hex() for key in keys] == [vector[name] for name in expected]


@every_vector
def test_signature(vector: dict[str, Any]) -> None:
    signature = signing.signature(
        vector["secret_key"], vector["date_utc"], vector["service"], vector["string_to_sign"]
    )
    assert signature == vector["signature"]


@every_vector
def test_whole_header(vector: dict[str, Any]) -> None:
    credential = signing.Credential(vector["secret_id"], vector["secret_key"], vector["token"])
    header = signing.authorization(
        credential,
        _signed(vector),
        _payload(vector),
        timestamp=vector["timestamp"],
        service=vector["service"],
    )
    assert header == vector["authorization"]


def test_order_and_spelling_of_headers_do_not_matter() -> None:
    one = signing.canonical_request({"Host": "h", "Content-Type": "application/json"}, b"{}")
    other = signing.canonical_request({"content-type": " Application/JSON ", "HOST": "H"}, b"{}")
    assert one == other


def test_the_secrets_are_not_in_the_repr() -> None:
    text = repr(signing.Credential("AKIDEXAMPLE0001", "EXAMPLEKEY0001", "EXAMPLETOKEN0001", "here"))
    assert "EXAMPLEKEY0001" not in text
    assert "EXAMPLETOKEN0001" not in text
    assert "here" in text
