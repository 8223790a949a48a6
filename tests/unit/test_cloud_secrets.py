"""No secret is in any repr: a log line, a traceback or a failing test may show one."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import provisioner.cloud
import provisioner.core
import provisioner.store
from provisioner.cloud.credentials import ID, KEY, Found, _Search
from provisioner.cloud.endpoint import parse_endpoint
from provisioner.cloud.renewal import CredentialProvider
from provisioner.cloud.signer import Signer
from provisioner.cloud.transport import Transport
from provisioner.core.api.calls import CreateTask, SignedWrite
from provisioner.core.api.signing import Credential

KEY_CANARY, TOKEN_CANARY = "canary-secret-key", "canary-session-token"

# Names of fields that hold secrets, in whatever value they stand.
SECRET_NAMES = {"headers", "environ", "secret_key", "token", "payload", "authorization", "proxies"}


def _dataclasses() -> Iterator[type[Any]]:
    for package in (provisioner.cloud, provisioner.core, provisioner.store):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for value in vars(importlib.import_module(found.name)).values():
                if isinstance(value, type) and dataclasses.is_dataclass(value):
                    yield value


@pytest.mark.parametrize("made", sorted(set(_dataclasses()), key=repr))
def test_no_repr_holds_a_field_of_secrets(made: type[Any]) -> None:
    """By its name, so that a new value is looked at, too."""
    shown = {one.name for one in dataclasses.fields(made) if one.repr}
    assert not shown & SECRET_NAMES


def _values() -> Iterator[object]:
    """Everything between the credentials and the wire, each with secrets in it."""
    credential = Credential("AKIDEXAMPLE0001", KEY_CANARY, TOKEN_CANARY, "environment")
    endpoint = parse_endpoint("wedata.example")
    provider = CredentialProvider(lambda: Found(credential), lambda: 0.0)
    signer = Signer(endpoint, provider, region="r", now=lambda: 1_700_000_000.0)
    signed = signer.sign("CreateIntegrationTask", b"{}")
    proxy = {"https": f"http://user:{KEY_CANARY}@proxy"}
    transport = Transport(endpoint, region="r", monotonic=lambda: 0.0, connections=1, proxies=proxy)
    transport.close()
    yield from (credential, Found(credential), provider, signer, signed, transport)
    yield _Search({ID: "AKID", KEY: KEY_CANARY}, "/home", lambda _path: None)
    yield SignedWrite(
        write=CreateTask(project_id="1", body={}),
        action="CreateIntegrationTask",
        payload=KEY_CANARY.encode(),
        headers=signed.headers,
        timestamp=signed.timestamp,
        digest="",
    )


@pytest.mark.parametrize("value", list(_values()), ids=lambda value: type(value).__name__)
def test_no_repr_shows_a_secret(value: object) -> None:
    """Neither key nor token nor a signature that could be sent again."""
    for text in (repr(value), str(value), f"{[value]}"):
        assert KEY_CANARY not in text
        assert TOKEN_CANARY not in text
        assert "Signature=" not in text
