"""Build the sdist and the wheel of the last commit into dist/, and prove that the wheel works.

The wheel that the sdist builds has to be the same, byte for byte. It is installed with the locked
dependencies in an environment that has nothing else, and runs the demo in an empty folder.
"""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import quick
from pythons import ROOT

DIST = ROOT / "dist"
# Read at run time, and easily lost: they are not modules.
NEEDED = {
    "provisioner/emulator/api.json",
    *(f"provisioner/schemas/{name}" for name in os.listdir(ROOT / "schemas")),
}


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True).stdout  # noqa: S607


def _one(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def _build(what: str, source: Path, into: Path) -> None:
    """With the locked build tools, and the same dates whenever it is built."""
    quick.ENVIRONMENT["SOURCE_DATE_EPOCH"] = _git("log", "-1", "--format=%ct").decode().strip()
    quick.run(sys.executable, "-m", "build", "--no-isolation", f"--{what}", "--outdir", into, source)


def _contents(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def _check_contents(wheel: Path) -> None:
    """Everything that git has of the program is in it, and nothing else beside the metadata."""
    listed = _git("ls-files", "-z", "provisioner").decode().split("\0")
    expected = {name for name in listed if name} | NEEDED
    found = {name for name in _contents(wheel) if ".dist-info/" not in name}
    if found != expected:
        sys.exit(
            f"The wheel lacks {sorted(expected - found)} and should not have {sorted(found - expected)}."
        )


def _try_out(wheel: Path, work: Path) -> None:
    """Install the wheel with the locked dependencies, see that it is what runs, and run the demo."""
    environment = work / "environment"
    quick.make_environment(environment, sys.executable, ROOT / "requirements.lock")
    quick.uv("pip", "install", "--python", environment, "--no-deps", wheel)
    quick.uv("pip", "check", "--python", environment)
    where = "import provisioner; print(provisioner.__file__)"
    python = environment / "bin" / "python"
    ran = subprocess.run(
        [python, "-c", where], cwd=work, env=quick.ENVIRONMENT, check=True, capture_output=True, text=True
    )
    if not Path(ran.stdout.strip()).is_relative_to(environment):
        sys.exit(f"The demo would not run the wheel but {ran.stdout.strip()}.")
    quick.demo(environment / "bin" / "provisioner")


def main() -> None:
    """Build, compare, check, try out."""
    if changed := _git("status", "--porcelain").decode():
        sys.exit(f"A release is built from a commit, and these files are in none:\n{changed}")
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        with tarfile.open(fileobj=io.BytesIO(_git("archive", "HEAD"))) as commit:
            commit.extractall(work / "commit", filter="data")
        _build("sdist", work / "commit", DIST)
        _build("wheel", work / "commit", DIST)
        with tarfile.open(_one(DIST, "*.tar.gz")) as sdist:
            sdist.extractall(work / "sdist", filter="data")
        _build("wheel", _one(work / "sdist", "*"), work / "again")
        wheel = _one(DIST, "*.whl")
        if _contents(wheel) != _contents(_one(work / "again", "*.whl")):
            sys.exit("The sdist builds another wheel than the commit.")
        _check_contents(wheel)
        quick.run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", *sorted(DIST.iterdir()))
        _try_out(wheel, work)
    print("Built, and the demo ran from the wheel:", ", ".join(sorted(path.name for path in DIST.iterdir())))


if __name__ == "__main__":
    main()
