"""From parsed arguments to the function that does the work.

Rule: a command's module is imported when the command is run, never before.
"""

from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from provisioner.commands.parsing.parser import lock_timeout, options_of, seconds_of
from provisioner.commands.terminal import Terminal
from provisioner.errors import UsageError

if TYPE_CHECKING:
    from provisioner.commands.support.plan_output import Form

Run: TypeAlias = "Callable[[Terminal, Namespace], int]"


def function_of(name: str) -> Run:
    """The function for a command's name."""
    return _FUNCTIONS[name]


def _init(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.init import init

    return init(terminal, values.folder)


def _validate(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.validate import validate

    return validate(terminal, options_of(values), as_json=values.json)


def _form(values: Namespace) -> "Form":
    from provisioner.commands.support.plan_output import Form

    if values.json and values.markdown:
        raise UsageError("A plan is printed in one form.\nGive --json or --markdown, not both.")
    return Form.JSON if values.json else Form.MARKDOWN if values.markdown else Form.TEXT


def _plan(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.plan import plan

    return plan(
        terminal,
        options_of(values),
        out=values.out,
        form=_form(values),
        detailed_exitcode=values.detailed_exitcode,
        targets=values.target,
        destroy=values.destroy,
        refresh=values.refresh,
        verbose=values.verbose,
    )


def _apply(terminal: Terminal, values: Namespace) -> int:
    if values.plan_file is not None and (values.destroy or values.target or values.refresh):
        raise UsageError(
            "A saved plan is carried out as it is.\n"
            "Give --destroy, --target and --refresh when it is made:\n  provisioner plan --out FILE"
        )
    return _carry_out(terminal, values, plan_file=values.plan_file, destroy=values.destroy)


def _destroy(terminal: Terminal, values: Namespace) -> int:
    return _carry_out(terminal, values, plan_file=None, destroy=True)


def _carry_out(terminal: Terminal, values: Namespace, *, plan_file: str | None, destroy: bool) -> int:
    from provisioner.commands.verbs.apply import ApplyOptions, apply
    from provisioner.engine.editing_lock import LockPolicy

    if not values.input and not values.auto_approve and plan_file is None:
        raise UsageError("--input=false forbids to ask.\nAdd --auto-approve, or give a saved plan.")
    if not values.lock:
        raise UsageError(
            "The lock cannot be switched off: two runs at once could create tasks twice.\n"
            "Leave --lock=false out. To wait for another run to end, add: --lock-timeout 5m"
        )
    chosen = ApplyOptions(
        plan_file=plan_file,
        auto_approve=values.auto_approve,
        targets=tuple(values.target),
        as_json=values.json,
        destroy=destroy,
        refresh=values.refresh,
        verbose=values.verbose,
        wait=values.wait,
        lock_timeout_seconds=lock_timeout(values),
        lock_policy=LockPolicy(
            wait_seconds=seconds_of(values.lock_wait, "--lock-wait"), takes_over=values.take_lock
        ),
        allow_state_loss=getattr(values, "allow_state_loss", False),
        stop_running=values.stop_running,
        run_timeout_seconds=seconds_of(values.run_timeout, "--run-timeout"),
    )
    return apply(terminal, options_of(values), chosen)


def _drift(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.drift import DriftOptions, drift

    chosen = DriftOptions(
        targets=tuple(values.target),
        as_json=values.json,
        detailed_exitcode=values.detailed_exitcode,
        verbose=values.verbose,
        accept=values.accept,
        lock_timeout_seconds=lock_timeout(values),
    )
    return drift(terminal, options_of(values), chosen)


def _show(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.show import show

    return show(
        terminal,
        options_of(values),
        plan_file=values.plan_file,
        form=_form(values),
        verbose=values.verbose,
    )


def _state_list(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.state.list import state_list

    return state_list(terminal, options_of(values), prefix=values.prefix, as_json=values.json)


def _state_show(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.state.show import state_show

    return state_show(terminal, options_of(values), address=values.address, as_json=values.json)


def _state_mv(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.state.mv import move

    timeout = lock_timeout(values)
    return move(terminal, options_of(values), values.source, values.target, lock_timeout_seconds=timeout)


def _state_rm(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.state.rm import forget

    return forget(terminal, options_of(values), values.addresses, lock_timeout_seconds=lock_timeout(values))


def _state_accept(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.state.accept import accept

    return accept(terminal, options_of(values), lock_timeout_seconds=lock_timeout(values))


def _resolve(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.resolve import ResolveOptions, resolve

    chosen = ResolveOptions(
        address=values.address,
        adopt=values.adopt,
        absent=values.absent,
        project_id=values.project_id,
        wait=values.wait,
        lock_timeout_seconds=lock_timeout(values),
    )
    return resolve(terminal, options_of(values), chosen)


def _import(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.import_task import ImportOptions, import_task

    chosen = ImportOptions(
        address=values.address,
        task_id=values.task_id,
        project_id=values.project_id,
        lock_timeout_seconds=lock_timeout(values),
    )
    return import_task(terminal, options_of(values), chosen)


def _export(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.export import export

    timeout = lock_timeout(values)
    return export(terminal, options_of(values), values.folder, lock_timeout_seconds=timeout)


def _force_unlock(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.force_unlock import force_unlock

    return force_unlock(terminal, options_of(values))


def _schema(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.schema import schema_text

    terminal.document(schema_text(values.what))
    return 0


def _emulator(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.emulator import serve, switches_text

    if values.list_switches:
        terminal.result(switches_text())
        return 0
    return serve(terminal, port=values.port, data=values.data, switches=values.set)


def _version(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.verbs.version import version

    return version(terminal, as_json=values.json)


def _completion(terminal: Terminal, values: Namespace) -> int:
    from provisioner.commands.parsing.shell_scripts import SCRIPTS

    terminal.result(SCRIPTS[values.shell])
    return 0


_FUNCTIONS: Mapping[str, Run] = {
    "init": _init,
    "validate": _validate,
    "plan": _plan,
    "apply": _apply,
    "destroy": _destroy,
    "drift": _drift,
    "show": _show,
    "state list": _state_list,
    "state show": _state_show,
    "state mv": _state_mv,
    "state rm": _state_rm,
    "state accept": _state_accept,
    "import": _import,
    "export": _export,
    "resolve": _resolve,
    "force-unlock": _force_unlock,
    "schema": _schema,
    "emulator": _emulator,
    "version": _version,
    "completion": _completion,
}
