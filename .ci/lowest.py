"""Run the quick tests and the demo with the lowest versions of the dependencies that pyproject.toml allows.

Usage: lowest.py --tests FOLDER...

Only what the program itself depends on is lowered; tools such as pytest, and the dependencies of
dependencies, stay as they are locked where the lowered ones allow it.
"""

import argparse
import re
import sys
import tomllib

import quick
from pythons import ROOT

FOLDER = ROOT / ".venv-lowest"
REQUIREMENTS = ROOT / ".venv-lowest.txt"


def main() -> None:
    """Resolve, install, say what was installed, run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tests", nargs="+", required=True)
    arguments = parser.parse_args()
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[^\w.-]", dependency)[0].lower() for dependency in dependencies}
    # uv keeps the pins of the file that it writes to; those of the dependencies are taken out.
    pins = re.split(r"^(?=\S)", (ROOT / "requirements-dev.lock").read_text(), flags=re.MULTILINE)
    REQUIREMENTS.write_text("".join(pin for pin in pins if pin.partition("==")[0] not in names))
    lowest = ["--resolution", "lowest-direct", "--extra", "build", "--extra", "dev", "--generate-hashes"]
    form = ["--no-header", "--no-annotate", "--output-file", str(REQUIREMENTS)]
    quick.uv("pip", "compile", "--python", sys.executable, *lowest, *form, "pyproject.toml")
    quick.make_environment(FOLDER, sys.executable, REQUIREMENTS)
    quick.install_checkout(FOLDER)
    installed = dict(re.findall(r"^(\S+)==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE))
    print("Lowest versions:", ", ".join(f"{name} {installed[name]}" for name in sorted(names)), flush=True)
    quick.run_quick(FOLDER, arguments.tests)
    print("Passed with the lowest versions.")


if __name__ == "__main__":
    main()
