"""The command that a person is told to type next.

Rule: typed as it stands in the same folder, it finds the same project with the same settings as the
command that names it. So it repeats the flags of that one, and every word is quoted for a shell.
"""

from collections.abc import Sequence

from provisioner.commands.project.project import Options
from provisioner.core.settings import BY_NAME
from provisioner.core.text import shell_word


def next_command(
    options: Options, verb: str, *, targets: Sequence[str] = (), flags: Sequence[str] = (), file: str = ""
) -> str:
    """One line for a shell.

    Args:
        options: of the command that names this one.
        verb: such as ``apply``.
        targets: the addresses it is to be limited to, if it is.
        flags: its own, as they are typed.
        file: the plan file that it takes, if it takes one.
    """
    words = ["provisioner", verb]
    words += ["--chdir", options.chdir] if options.chdir else []
    words += ["--env", options.environment] if options.environment else []
    words += [f"{BY_NAME[name].flag}={value}" for name, value in options.flags.items()]
    words += [f"--target={target}" for target in targets]
    words += flags
    if file:
        # A name that begins with a dash would be taken for a flag.
        words.append(f"./{file}" if file.startswith("-") else file)
    return " ".join(shell_word(word) for word in words)
