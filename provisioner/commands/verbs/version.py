"""``version``, for programs; ``cli`` prints the plain one without importing anything."""

import json
import platform

from provisioner import __version__
from provisioner.commands.terminal import Terminal


def version(terminal: Terminal, *, as_json: bool) -> int:
    """The version, and with ``--json`` what it runs on."""
    if as_json:
        machine = {"python": platform.python_version(), "platform": platform.system()}
        terminal.document(json.dumps({"version": __version__, **machine}))
    else:
        terminal.result(f"provisioner {__version__}")
    return 0
