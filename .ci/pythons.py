"""Find an interpreter for each supported version of Python, or fetch one from Debian's archive.

The supported versions are those of the classifiers in pyproject.toml. An interpreter is looked for on the
machine first: the one that runs this, those on PATH, those of pyenv and uv. On Debian, a version that is
not there is taken from another suite of the archive that the machine already uses: the packages are
downloaded and verified by apt, with a state of its own, and unpacked into .pythons/. They bring their own C
library, so neither the machine's packages nor its libraries are touched.

Rule: this module changes nothing outside the folder that it is given.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What the program needs of an interpreter that somebody compiled without it; and it has to be a release.
PROBE = (
    "import sys, ssl, ctypes, zlib, venv\n"
    "assert sys.implementation.name == 'cpython' and sys.version_info.releaselevel == 'final'\n"
    "print('.'.join(map(str, sys.version_info[:3])))"
)
# Suites are tried in this order: the next release of Debian has the newest Python that is tested with it.
SUITES = ("testing", "stable", "unstable")
HOOKS = (
    *(f"APT::Update::{when}" for when in ("Pre-Invoke", "Post-Invoke", "Post-Invoke-Success")),
    *(f"DPkg::{when}" for when in ("Pre-Invoke", "Pre-Install-Pkgs", "Post-Invoke")),
)
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class UnavailableError(Exception):
    """This version of Python cannot be had on this machine; the text says why."""


def supported() -> list[str]:
    """The versions of the classifiers, oldest first."""
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    return re.findall(r"^Programming Language :: Python :: (3\.\d+)$", "\n".join(classifiers), re.MULTILINE)


def exact_version(interpreter: str, wanted: str) -> str | None:
    """The full version of the interpreter if it works and is a release of the wanted version."""
    try:
        probe = [interpreter, "-c", PROBE]
        ran = subprocess.run(probe, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = ran.stdout.strip()
    return found if ran.returncode == 0 and found.startswith(f"{wanted}.") else None


def _candidates(version: str) -> Iterator[str]:
    name = f"python{version}"
    yield sys.executable
    for folder in os.get_exec_path():
        yield os.path.join(folder, name)
    for pattern in ("~/.pyenv/versions/{}.*/bin/{}", "~/.local/share/uv/python/cpython-{}.*/bin/{}"):
        yield from sorted(glob.glob(os.path.expanduser(pattern.format(version, name))), reverse=True)


def installed(version: str) -> str | None:
    """An interpreter of this version on this machine."""
    return next((path for path in _candidates(version) if exact_version(path, version)), None)


def _run(*command: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if ran.returncode != 0:
        last = (ran.stderr.strip() or ran.stdout.strip() or "no output").splitlines()[-1]
        raise UnavailableError(f"{os.path.basename(command[0])}: {last}")
    return ran.stdout


def _archive() -> str:
    """Where this machine's own packages come from."""
    try:
        release = dict(re.findall(r'^(\w+)="?(.*?)"?$', Path("/etc/os-release").read_text(), re.MULTILINE))
    except OSError:
        release = {}
    if release.get("ID") != "debian" or not shutil.which("apt-get") or not KEYRING.exists():
        raise UnavailableError("not on this machine, and the machine is no Debian")
    form = "$(RELEASE) $(COMPONENT) $(REPO_URI)"
    targets = _run("apt-get", "indextargets", "--format", form, "Created-By: Packages")
    own = f"{release.get('VERSION_CODENAME')} main "
    for line in targets.splitlines():
        if line.startswith(own):
            return line.removeprefix(own)
    raise UnavailableError("not on this machine, and apt has no source for the machine's own release")


def _private_apt(folder: Path, suite: str) -> list[str]:
    """An apt-get that knows nothing but this suite and writes nothing but this folder.

    The machine's settings for the network stay in force, and so do signatures: they are checked against
    Debian's keys. The hooks of the machine are switched off, because they work on its own packages.
    """
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").write_text("")
    (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {_archive()} {suite} main\n")
    settings = {
        "Dir::State": folder,
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferences": "-",
        "Dir::Etc::preferencesparts": "-",
        "APT::Default-Release": "",
        "APT::Install-Recommends": "false",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    text = "".join(f"#clear {hook};\n" for hook in HOOKS)
    text += "".join(f'{name} "{value}";\n' for name, value in settings.items())
    (folder / "apt.conf").write_text(text)
    # With -c, not APT_CONFIG: the machine's files would be read after that one and win.
    return ["apt-get", "-c", str(folder / "apt.conf"), "--quiet", "--yes"]


def fetch(version: str, folder: Path, patchelf: str) -> str:
    """Unpack Debian's interpreter of this version into a folder, with every library that it needs.

    Raises:
        UnavailableError: no suite of Debian has it, or it cannot be reached.
    """
    root = folder / version
    interpreter = root / "usr" / "bin" / f"python{version}"
    if exact_version(str(interpreter), version):
        return str(interpreter)
    package = f"python{version}"
    for suite in SUITES:
        apt = _private_apt(folder / suite, suite)
        if not (folder / suite / "cache" / "updated").exists():
            _run(*apt, "update", "--error-on=any")
            (folder / suite / "cache" / "updated").touch()
        if package in _run("apt-cache", *apt[1:3], "pkgnames", package).split():
            break
    else:
        raise UnavailableError(f"not on this machine and not in Debian ({', '.join(SUITES)})")
    # The status file is empty, so everything that the package needs is downloaded, down to the C library.
    archives = folder / suite / "cache" / "archives"
    _run(*apt, "clean")
    _run(*apt, "install", "--download-only", package)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for archive in sorted(archives.glob("*.deb")):
        _run("dpkg-deb", "--extract", str(archive), str(root))
    _run(*apt, "clean")
    _use_own_libraries(interpreter, root, patchelf)
    if not exact_version(str(interpreter), version):
        raise UnavailableError(f"Debian's ({suite}) does not run here")
    return str(interpreter)


def _use_own_libraries(interpreter: Path, root: Path, patchelf: str) -> None:
    """Start the interpreter with the loader and the libraries beside it, not the machine's.

    Written into the file and not into LD_LIBRARY_PATH, which the programs that tests start would inherit.
    RPATH and not RUNPATH, because it also holds for the libraries of extension modules.
    """
    (libc,) = (root / "usr" / "lib").glob("*/libc.so.6")
    loader = os.path.basename(_run(patchelf, "--print-interpreter", str(interpreter)).strip())
    own = ["--set-interpreter", str(libc.parent / loader), "--force-rpath", "--set-rpath", str(libc.parent)]
    _run(patchelf, *own, str(interpreter))


def find(version: str, folder: Path, patchelf: str) -> str:
    """An interpreter of this version: the machine's, or else Debian's.

    Raises:
        UnavailableError: it cannot be had; the text says why.
    """
    return installed(version) or fetch(version, folder, patchelf)
