"""The remote side, wired: the embedded emulator or an endpoint, credentials, region, pace."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from provisioner.commands.terminal import Terminal
from provisioner.core.calls import TaskApi
from provisioner.core.settings import Settings
from provisioner.engine.ports import Clock

EMULATOR_FOLDER = os.path.join(".provisioner", "emulator")
_EMBEDDED_REGION = "ap-singapore"


@contextmanager
def open_remote(settings: Settings, clock: Clock, terminal: Terminal) -> Iterator[TaskApi]:
    """The task API for a project, for the time of a ``with``.

    Raises:
        UsageError: no region, or an endpoint that cannot be used.
        CredentialsError: no credentials were found; says where was looked.
    """
    if settings.is_embedded:
        with _embedded(settings, clock) as api:
            yield api
    else:
        yield _client(settings, clock, terminal)
