"""``emulator``: serve the emulated API to other programs."""

import json
import signal
import threading
from collections.abc import Sequence

from provisioner.commands.support.workers import LONGEST_WAIT_SECONDS
from provisioner.commands.terminal import Terminal
from provisioner.emulator.faults import Kind
from provisioner.emulator.folder import FolderError
from provisioner.emulator.server import ADMIN, EMBEDDED_CREDENTIAL, TOKEN_HEADER, EmulatorServer
from provisioner.emulator.switches import SWITCHES
from provisioner.errors import UsageError


def serve(terminal: Terminal, *, port: str, data: str | None, switches: Sequence[str]) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        UsageError: the port or the folder cannot be used, or there is no such switch.
    """
    if not (port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65536):
        raise UsageError(f"--port takes a number up to 65535, not {port!r}.")
    values = dict(_switch(text) for text in switches)
    try:
        server = EmulatorServer(data, port=int(port), switches=values, admin=True)
    except FolderError as error:
        raise UsageError(f"The emulator cannot serve.\n  {error}") from error
    except OSError as error:
        raise UsageError(f"The emulator cannot serve.\n  port {port}: {error.strerror}.") from error
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    with server:
        terminal.result(_greeting(server.url))
        while not stopped.wait(LONGEST_WAIT_SECONDS):
            pass
    return 0


def _greeting(url: str) -> str:
    """How to use it and how to program it."""
    identity, key = EMBEDDED_CREDENTIAL
    fault = json.dumps({"kind": Kind.DROP_ANSWER, "action": "CreateIntegrationTask", "count": 1})
    return (
        f"Serving on {url}\n"
        "Ctrl-C ends it. To use it from another terminal:\n"
        f"  export TENCENTCLOUD_SECRET_ID={identity} TENCENTCLOUD_SECRET_KEY={key}\n"
        f"  provisioner apply --endpoint {url}\n"
        f"Faults are programmed like this one, an answer that is lost:\n"
        f"  curl -H '{TOKEN_HEADER}: {key}' -d '{fault}' {url}{ADMIN}faults\n"
        f"Kinds: {', '.join(Kind)}."
    )


def switches_text() -> str:
    """The switches as a table."""
    width = max(len(switch.name) for switch in SWITCHES)
    values = max(len(str(switch.default)) for switch in SWITCHES)
    return "\n".join(
        f"{switch.name:<{width}}  {switch.default!s:<{values}}  {switch.known:<10}  {switch.text}"
        + (f" ({' | '.join(switch.values)})" if switch.values else "")
        for switch in SWITCHES
    )


def _switch(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set takes SWITCH=VALUE, not {text!r}.")
    return name, value
