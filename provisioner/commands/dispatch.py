"""From parsed arguments to the function that does the work.

Rule: a command's module is imported when the command is run, never before.
"""

import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from provisioner.commands.terminal import Terminal
from provisioner.errors import UsageError

if TYPE_CHECKING:
    from provisioner.commands.project import Options

Run: TypeAlias = "Callable[[Terminal, Namespace], int]"

_UNITS = {"s": 1, "m": 60, "h": 3600}


def function_of(name: str) -> Run:
    """The function for a command's name."""
    return _FUNCTIONS[name]


def seconds_of(text: str, flag: str) -> float:
    """A duration as Terraform's users write it: ``30``, ``30s``, ``5m``.

    Raises:
        UsageError: it is none.
    """
    number, unit = (text[:-1], _UNITS[text[-1:]]) if text[-1:] in _UNITS else (text, 1)
    try:
        seconds = float(number) * unit
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(f"{flag} takes seconds, such as 30 or 5m, not {text!r}.")
    return seconds


def _options(values: Namespace) -> "Options":
    from provisioner.commands.project import Options, setting_flags

    environment = os.environ.get("PROVISIONER_ENV", "") if values.env is None else values.env
    return Options(chdir=values.chdir, environment=environment, flags=setting_flags(vars(values)))


def _lock_timeout(values: Namespace) -> float:
    return seconds_of(values.lock_timeout, "--lock-timeout")


def _init(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.init import init

    return init(terminal, values.folder)


def _validate(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.validate import validate

    return validate(terminal, _options(values), as_json=values.json)


def _plan(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.plan import plan

    return plan(
        terminal,
        _options(values),
        out=values.out,
        as_json=values.json,
        detailed_exitcode=values.detailed_exitcode,
        targets=values.target,
        destroy=values.destroy,
        verbose=values.verbose,
    )


def _apply(terminal: Terminal, values: Namespace) -> int:
    return _carry_out(terminal, values, plan_file=values.plan_file, destroy=False)


def _destroy(terminal: Terminal, values: Namespace) -> int:
    return _carry_out(terminal, values, plan_file=None, destroy=True)


def _carry_out(terminal: Terminal, values: Namespace, *, plan_file: str | None, destroy: bool) -> int:
    from provisioner.commands.apply import ApplyOptions, apply

    chosen = ApplyOptions(
        plan_file=plan_file,
        auto_approve=values.auto_approve,
        targets=tuple(values.target),
        as_json=values.json,
        destroy=destroy,
        verbose=values.verbose,
        wait=values.wait,
        lock_timeout_seconds=_lock_timeout(values),
    )
    return apply(terminal, _options(values), chosen)


def _show(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.show import show

    return show(
        terminal,
        _options(values),
        plan_file=values.plan_file,
        as_json=values.json,
        verbose=values.verbose,
    )


def _state_list(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.show import state_list

    return state_list(terminal, _options(values), prefix=values.prefix)


def _state_show(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.show import state_show

    return state_show(terminal, _options(values), address=values.address, as_json=values.json)


def _state_mv(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.state import move

    timeout = _lock_timeout(values)
    return move(terminal, _options(values), values.source, values.target, lock_timeout_seconds=timeout)


def _state_rm(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.state import forget

    return forget(terminal, _options(values), values.addresses, lock_timeout_seconds=_lock_timeout(values))


def _state_accept(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.state import accept

    return accept(terminal, _options(values), lock_timeout_seconds=_lock_timeout(values))


def _resolve(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.resolve import ResolveOptions, resolve

    chosen = ResolveOptions(
        address=values.address,
        adopt=values.adopt,
        absent=values.absent,
        project_id=values.project_id,
        wait=values.wait,
        lock_timeout_seconds=_lock_timeout(values),
    )
    return resolve(terminal, _options(values), chosen)


def _force_unlock(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.state import force_unlock

    return force_unlock(terminal, _options(values))


def _schema(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.schemas import schema_text

    terminal.result(schema_text(values.what))
    return 0


def _emulator(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.emulator import serve, switches_text

    if values.list_switches:
        terminal.result(switches_text())
        return 0
    return serve(terminal, port=values.port, data=values.data, switches=values.set)


def _version(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.version import version

    return version(terminal, as_json=values.json)


def _completion(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.completion import script

    terminal.result(script(values.shell))
    return 0


_FUNCTIONS: Mapping[str, Run] = {
    "init": _init,
    "validate": _validate,
    "plan": _plan,
    "apply": _apply,
    "destroy": _destroy,
    "show": _show,
    "state list": _state_list,
    "state show": _state_show,
    "state mv": _state_mv,
    "state rm": _state_rm,
    "state accept": _state_accept,
    "resolve": _resolve,
    "force-unlock": _force_unlock,
    "schema": _schema,
    "emulator": _emulator,
    "version": _version,
    "completion": _completion,
}
