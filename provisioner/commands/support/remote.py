"""The remote side, wired: the embedded emulator or an endpoint, credentials, region, pace."""

import os
import random
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from provisioner.cloud.api import CloudTaskApi
from provisioner.cloud.credentials import Found, find_credential, find_region
from provisioner.cloud.endpoint import Endpoint, parse_endpoint
from provisioner.cloud.metadata import fetch_metadata
from provisioner.cloud.rate_limit import Pace
from provisioner.cloud.renewal import CredentialProvider, Credentials
from provisioner.cloud.transport import Transport
from provisioner.commands.support.workers import gathered
from provisioner.core.api.signing import Credential
from provisioner.core.api.task_api import TaskApi
from provisioner.core.settings import Settings
from provisioner.core.text import printable
from provisioner.engine.ports import Clock
from provisioner.errors import StateError, UsageError

EMULATOR_FOLDER = os.path.join(".provisioner", "emulator")
_EMBEDDED_REGION = "ap-singapore"


@contextmanager
def open_remote(settings: Settings, clock: Clock) -> Iterator[TaskApi]:
    """The task API for a project, for the time of a ``with``.

    Raises:
        UsageError: no region, or an endpoint that cannot be used.
        CredentialsError: no credentials were found; says where was looked.
        StateError: the embedded emulator cannot use its folder: another has it, or it is damaged.
    """
    if settings.is_embedded:
        with _embedded(settings, clock) as api:
            yield api
        return
    endpoint = parse_endpoint(settings.endpoint)
    region = settings.region or find_region(os.environ, home=_home())
    if not region:
        raise UsageError(
            "No region is set.\nWrite one in provisioner.yaml, such as region: ap-singapore, or use --region."
        )
    provider = CredentialProvider(
        lambda: find_credential(os.environ, home=_home(), fetch=fetch_metadata), time.time
    )
    with _client(settings, clock, endpoint, region, provider) as api:
        yield api


@contextmanager
def _embedded(settings: Settings, clock: Clock) -> Iterator[TaskApi]:
    """The emulator in this process, with its data under ``.provisioner/``; no account is needed."""
    from provisioner.emulator.folder import FolderError
    from provisioner.emulator.server import EMBEDDED_CREDENTIAL, EmulatorServer

    # It limits its clients as the real service does; whoever asks for another pace means the emulator too.
    pace = int(max(20, settings.rate_per_second * 2))
    try:
        server = EmulatorServer(EMULATOR_FOLDER, switches={"calls_per_second": pace})
    except FolderError as error:
        raise StateError(f"The embedded emulator cannot keep its data.\n  {error}") from error
    except OSError as error:
        raise StateError(f"The embedded emulator cannot serve.\n  {error.strerror}.") from error
    identity, key = EMBEDDED_CREDENTIAL
    found = Found(Credential(identity, key, source="embedded emulator"))
    provider = CredentialProvider(lambda: found, time.time)
    region = settings.region or _EMBEDDED_REGION
    with server, _client(settings, clock, parse_endpoint(server.url), region, provider) as api:
        yield api


_PAGES_AT_ONCE = 10
"""More would only stand in line; each that does cannot be held up by a refusal of another."""


@contextmanager
def _client(
    settings: Settings, clock: Clock, endpoint: Endpoint, region: str, credentials: Credentials
) -> Iterator[TaskApi]:
    transport = Transport(
        endpoint,
        region=region,
        monotonic=clock.monotonic,
        connections=settings.parallelism + 1,
        verify=trusted(os.environ, endpoint),
        proxies=proxies(os.environ, endpoint),
    )
    try:
        yield CloudTaskApi(
            transport,
            credentials=credentials,
            now=time.time,
            monotonic=clock.monotonic,
            sleep=clock.sleep,
            jitter=random.random,
            # Its waits are kept also by what is finished after Ctrl-C; that must not become a burst.
            pace=Pace(settings.rate_per_second, monotonic=clock.monotonic, sleep=time.sleep),
            gather=partial(gathered, count=min(settings.parallelism, _PAGES_AT_ONCE)),
        )
    finally:
        transport.close()


def trusted(environ: Mapping[str, str], endpoint: Endpoint) -> str | bool:
    """The file or folder of certificates that a person named, else True: those that come with requests.

    Raises:
        UsageError: it is not there or holds no certificates; nothing was sent.
    """
    named = [name for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE") if environ.get(name)]
    if not named or not endpoint.url.startswith("https:"):
        return True
    path = environ[named[0]]
    try:
        if not os.path.isdir(path):
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:
        # The text of a TLS error is about lines of somebody's code.
        is_read = isinstance(error, ssl.SSLError)
        why = "it holds no certificates" if is_read else f"the system says: {error.strerror}"
        raise UsageError(
            f"The trusted certificates cannot be used.\n  {named[0]}: {printable(path)}: {why}.\n"
            f"Name a file of certificates in PEM form, or unset {named[0]}."
        ) from error
    return path


def proxies(environ: Mapping[str, str], endpoint: Endpoint) -> dict[str, str]:
    """HTTPS_PROXY, unless NO_PROXY names the endpoint's host or a domain that it is in."""
    proxy = environ.get("HTTPS_PROXY") or environ.get("https_proxy")
    if not proxy or endpoint.is_loopback:
        return {}
    host = endpoint.host
    excluded = (environ.get("NO_PROXY") or environ.get("no_proxy") or "").split(",")
    names = [name.strip().lstrip(".") for name in excluded if name.strip()]
    if any(name in ("*", host) or host.endswith(f".{name}") for name in names):
        return {}
    return {"https": proxy}


def _home() -> str:
    return os.path.expanduser("~")
