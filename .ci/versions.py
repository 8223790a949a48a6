"""Run the quick tests and the demo on every supported version of Python that can be had.

Usage: versions.py all|others|VERSION... --tests FOLDER...

"others" leaves out the version of the default environment, which `make test` has run already. Says what
cannot be had, and ends with the versions that were run; none at all is a failure. Generated tests try fewer
examples than in `make test`; everything else is the same.
"""

import argparse
import subprocess
import sys
import time

import pythons
import quick

FOLDER = pythons.ROOT / ".pythons"
# A fifth of the generated examples (tests/conftest.py): how many depends on no version of Python.
FEWER = ["--hypothesis-profile", "fewer"]


def wanted(words: list[str]) -> list[str]:
    """The versions that these words stand for."""
    supported = pythons.supported()
    if words == ["all"]:
        return supported
    if words == ["others"]:
        return [version for version in supported if version != f"{sys.version_info[0]}.{sys.version_info[1]}"]
    if unknown := [word for word in words if word not in supported]:
        sys.exit(f"not supported: {', '.join(unknown)}; pyproject.toml has {', '.join(supported)}")
    return words


def main() -> None:
    """Run each version; a failure of one does not keep the next from running."""
    parser = argparse.ArgumentParser()
    parser.add_argument("versions", nargs="+")
    parser.add_argument("--tests", nargs="+", required=True)
    arguments = parser.parse_args()
    ran, failed = [], []
    for version in wanted(arguments.versions):
        began = time.monotonic()
        try:
            python = pythons.find(version, FOLDER, str(quick.TOOLS / "patchelf"))
        except pythons.UnavailableError as problem:
            print(f"Python {version} cannot be had: {problem}", flush=True)
            continue
        exact = pythons.exact_version(python, version) or version
        print(f"Python {exact} ({python})", flush=True)
        environment = pythons.ROOT / f".venv-{version}"
        try:
            quick.make_environment(environment, python, pythons.ROOT / "requirements-dev.lock")
            quick.install_checkout(environment)
            quick.run_quick(environment, [*FEWER, *arguments.tests])
        except subprocess.CalledProcessError as problem:
            failed.append(exact)
            print(f"Python {exact} failed: {problem}", flush=True)
        else:
            ran.append(exact)
            print(f"Python {exact} passed in {time.monotonic() - began:.0f} s", flush=True)
    if failed:
        sys.exit(f"Failed on Python {', '.join(failed)}; passed on {', '.join(ran) or 'none'}.")
    if not ran:
        sys.exit("No supported version of Python could be had.")
    print(f"Passed on Python {', '.join(ran)}.")


if __name__ == "__main__":
    main()
