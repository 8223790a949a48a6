"""``validate``: read everything; no network, no state."""

import json

from provisioner.commands.project.manifests import Manifests
from provisioner.commands.project.project import Options, Project, check_project, problem_text
from provisioner.commands.terminal import Terminal
from provisioner.core.manifest.problem import Problem
from provisioner.errors import ManifestError
from provisioner.render.words import counted


def validate(terminal: Terminal, options: Options, *, as_json: bool) -> int:
    """Check every manifest; every problem of every file in one run.

    Raises:
        ManifestError: there are errors.
    """
    project = check_project(options)
    manifests = project.manifests() if isinstance(project, Project) else Manifests({}, project, 0)
    if as_json:
        terminal.document(json.dumps(_document(manifests.problems, len(manifests.desired))))
        return ManifestError.exit_code if manifests.errors else 0
    if manifests.errors:
        raise ManifestError(problem_text(manifests.problems))
    for warning in manifests.warnings:
        terminal.say(str(warning))
    tasks, files = counted(len(manifests.desired), "task"), counted(manifests.files, "file")
    terminal.result(f"Success! {tasks} in {files}.")
    return 0


def _document(problems: tuple[Problem, ...], tasks: int) -> dict[str, object]:
    errors = sum(problem.severity.value == "error" for problem in problems)
    return {
        "format_version": "1.0",
        "valid": not errors,
        "error_count": errors,
        "warning_count": len(problems) - errors,
        "tasks": tasks,
        "diagnostics": [
            {
                "severity": problem.severity.value,
                "summary": problem.message,
                "file": problem.source.file,
                "line": problem.source.line,
                "column": problem.source.column,
            }
            for problem in problems
        ],
    }
