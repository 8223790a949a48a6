"""Finding files and reading them: nothing is passed over in silence, and nothing hangs."""

import errno
import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.core.manifest.problem import Document, Severity
from provisioner.core.source import Source
from provisioner.store.reading import documents
from provisioner.store.reading.documents import (
    MAX_BYTES,
    content_digest,
    find_documents,
    load_documents,
    locate,
)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has an empty current folder."""
    monkeypatch.chdir(tmp_path)


def write(path: str, content: str | bytes = "a: 1\n") -> str:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def found(root: str) -> tuple[list[str], list[str]]:
    files, problems = find_documents(root)
    return files, [str(problem) for problem in problems]


def load_messages(path: str) -> list[str]:
    return [str(problem) for problem in load_documents(path).problems]


# ── finding ─────────────────────────────────────────────────────────────────


def test_files_are_in_order_of_their_paths_parts() -> None:
    names = ["b.yaml", "a.yaml", "a/z.json", "a/b/c.yml", "a-b.yaml", "Z.YAML", "é.yaml", "10.yaml", "9.yaml"]
    for name in names:
        write(f"m/{name}")
    files, problems = found("m")
    assert problems == []
    assert files == sorted((f"m/{name}" for name in names), key=lambda path: path.split("/"))


def test_other_names_and_hidden_ones_are_left_out() -> None:
    for name in ("README.md", "a.yaml~", "yaml", ".a.yaml", ".git/b.yaml", "c.yaml.bak", "d.txt/e.yaml"):
        write(f"m/{name}")
    os.mkfifo("m/pipe")
    assert found("m") == (["m/d.txt/e.yaml"], [])


@pytest.mark.parametrize(
    ("root", "expected"), [(".", "./m/a.yaml"), ("m", "m/a.yaml"), ("m/", "m/a.yaml"), ("./m", "./m/a.yaml")]
)
def test_paths_begin_as_the_root_was_given(root: str, expected: str) -> None:
    write("m/a.yaml")
    assert found(root) == ([expected], [])


def test_root_may_be_hidden_absolute_a_link_or_a_file(tmp_path: Path) -> None:
    write(".hidden/.a.yaml")
    write(".hidden/b.yaml")
    os.symlink(".hidden", "link")
    assert found(".hidden") == ([".hidden/b.yaml"], [])
    assert found("link") == (["link/b.yaml"], [])
    assert found(str(tmp_path / "link")) == ([f"{tmp_path}/link/b.yaml"], [])
    assert found(".hidden/.a.yaml") == ([".hidden/.a.yaml"], [])


def test_a_folder_without_manifests_is_no_problem() -> None:
    os.makedirs("m/empty")
    assert found("m") == ([], [])


def test_links_to_files_are_followed_and_others_reported() -> None:
    write("elsewhere/a.yaml")
    write("m/z.yaml")
    os.symlink("../elsewhere/a.yaml", "m/linked.yaml")
    os.symlink("../elsewhere/a.yaml", "m/linked.txt")
    os.symlink("../elsewhere", "m/folder")
    os.symlink(".", "m/circle")
    os.symlink("nowhere", "m/dangling.yaml")
    os.symlink("loop.yaml", "m/loop.yaml")
    files, problems = find_documents("m")
    assert files == ["m/linked.yaml", "m/z.yaml"]
    assert [str(problem) for problem in problems] == [
        "m/circle: warning: is a link to a folder, and is not followed",
        "m/dangling.yaml: is a link to something that is not there",
        "m/folder: warning: is a link to a folder, and is not followed",
        "m/loop.yaml: cannot be read: too many levels of symbolic links",
    ]
    assert problems[0].severity is Severity.WARNING


def test_what_is_no_regular_file_is_reported_and_not_opened() -> None:
    os.makedirs("m")
    os.mkfifo("m/fifo.yaml")
    os.symlink("/dev/null", "m/null.json")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("m/socket.yml")
    assert found("m") == (
        [],
        [
            f"m/{name}: is not a regular file, so it is not read"
            for name in ("fifo.yaml", "null.json", "socket.yml")
        ],
    )
    assert found("m/fifo.yaml")[1] == ["m/fifo.yaml: is not a regular file, so it is not read"]


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("nowhere", "nowhere: there is no such file or folder"),
        ("", ": there is no such file or folder"),
        ("a\0b", "a\\x00b: is not a name that a file can have"),
        ("half\ud800", "half\\ud800: is not a name that a file can have"),
        ("README.md", "README.md: is not a manifest: its name must end in .yaml, .yml, .json"),
        ("README.md/x", "README.md/x: cannot be read: not a directory"),
    ],
)
def test_root_that_cannot_be_used(root: str, message: str) -> None:
    write("README.md")
    assert found(root) == ([], [message])


def test_folder_that_cannot_be_listed_hides_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.yaml", "b/c.yaml", "d.yaml"):
        write(f"m/{name}")
    scandir = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        if path == "m/b":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found("m") == (["m/a.yaml", "m/d.yaml"], ["m/b: cannot be read: permission denied"])


def test_name_that_is_no_text_is_found_and_printable() -> None:
    os.makedirs("m")
    Path(os.fsdecode(b"m/\xff.yaml")).write_text("a: 1\na: 2\n")
    Path("m/\x1b[31m.yaml").write_text("")
    files, _ = find_documents("m")
    assert [message for path in files for message in load_messages(path)] == [
        "m/\\x1b[31m.yaml: is empty: write a document in it, or remove the file",
        'm/\\udcff.yaml:2:1: duplicate key "a": line 1 has it already',
    ]


def test_deep_folders_are_walked_without_recursion() -> None:
    folders = ["m/" + "d/" * depth for depth in range(1500)]
    for folder in folders:
        os.mkdir(folder)
    path = write(f"{folders[-1]}a.yaml")
    try:
        assert found("m") == ([path], [])
    finally:
        # What clears away the temporary folder of a test recurses.
        os.remove(path)
        for folder in reversed(folders):
            os.rmdir(folder)


# ── reading ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["a.yaml", "a.yml", "a.json", "A.JSON"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_load(name: str, mark: bytes) -> None:
    content = mark + b'{"a": "\xc3\xa9"}\n'
    loaded = load_documents(write(name, content))
    assert loaded.path == name
    assert loaded.digest == hashlib.sha256(content).hexdigest()
    assert loaded.documents == (Document({"a": "é"}, Source(name, 1, 1), 0),)
    assert loaded.problems == ()


def test_documents_in_order_are_loaded_beside_problems() -> None:
    loaded = load_documents(write("a.yaml", "a: 1\n---\nb: 1\nb: 2\n"))
    assert [document.value for document in loaded.documents] == [{"a": 1}]
    assert [str(problem) for problem in loaded.problems] == [
        'a.yaml:4:1: duplicate key "b": line 3 has it already'
    ]


def test_largest_file_is_read_and_a_larger_one_is_not() -> None:
    assert load_messages(write("a.yaml", b"a: " + b"x" * (MAX_BYTES - 3))) == []
    assert load_messages(write("b.yaml", b"a: " + b"x" * (MAX_BYTES - 2))) == [
        "b.yaml: is too large: it has 1,048,577 bytes, and a file may have 1,048,576; split it"
    ]


def test_large_file_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("a.yaml", "wb") as file:
        file.truncate(50 * 1024 * 1024)
    monkeypatch.setattr(os, "read", None)
    loaded = load_documents("a.yaml")
    assert loaded.digest == ""
    assert str(loaded.problems[0]).startswith("a.yaml: is too large: it has 52,428,800 bytes")


@pytest.mark.parametrize(("grown", "is_loaded"), [(b"b: 2\n", True), (b"#" * (MAX_BYTES + 1), False)])
def test_file_that_grows_while_it_is_read(
    grown: bytes, is_loaded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.read
    left = [b"a: 1\n", grown, b""]
    sizes = []

    def growing(handle: int, size: int) -> bytes:
        sizes.append(size)
        read(handle, 0)
        return left.pop(0)

    monkeypatch.setattr(os, "read", growing)
    loaded = load_documents(write("a.yaml"))
    assert bool(loaded.documents) is is_loaded
    assert [problem.message[:12] for problem in loaded.problems] == ([] if is_loaded else ["is too large"])
    assert max(sizes) <= MAX_BYTES + 1


def test_what_cannot_be_read_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkdir("folder.yaml")
    os.mkfifo("fifo.yaml")
    assert load_messages("folder.yaml") == ["folder.yaml: is a folder, not a file"]
    assert load_messages("fifo.yaml") == ["fifo.yaml: is not a regular file, so it is not read"]
    assert load_messages("nowhere.yaml") == ["nowhere.yaml: there is no such file or folder"]
    assert load_messages("a\0.yaml") == ["a\\x00.yaml: is not a name that a file can have"]

    def refuse(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)
    assert load_messages(write("a.yaml")) == ["a.yaml: cannot be read: permission denied"]


def test_failing_disk_is_a_problem_and_the_file_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.listdir("/proc/self/fd")

    def fail(handle: int, size: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "read", fail)
    assert load_messages(write("a.yaml")) == ["a.yaml: cannot be read: input/output error"]
    assert os.listdir("/proc/self/fd") == before


def test_entry_that_cannot_be_looked_at_is_a_problem() -> None:
    class Entry:
        name = "a.yaml"

        def is_symlink(self) -> bool:
            raise OSError(errno.EIO, "Input/output error")

    verdict = documents._entry_verdict("m/a.yaml", Entry())  # type: ignore[arg-type]  # stands in for a DirEntry
    assert str(verdict) == "m/a.yaml: cannot be read: input/output error"


# ── places ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [("a.yaml", "x: 1\n---\na:\n  - b: 2\n", (4, 8)), ("a.json", '{"a":\n[{"b": 2}]}', (2, 8))],
)
def test_locate(name: str, content: str, place: tuple[int, int]) -> None:
    write(name, content)
    index = int(name.endswith("yaml"))
    assert locate(name, index, ["a", 0, "b"]) == Source(name, *place)
    assert locate(name, index, ["a", 0, "b"], key=True) == Source(
        name, place[0], place[1] - (3 if index else 5)
    )


@pytest.mark.parametrize("content", [None, b"\xff", b"\0"])
def test_locate_in_a_file_that_is_gone_or_changed(content: bytes | None) -> None:
    if content is not None:
        write("a.yaml", content)
    assert locate("a.yaml", 0, ["a"]) == Source("a.yaml")


def test_forward_slashes_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sep", "\\")
    assert load_messages("m\\a.yaml") == ["m/a.yaml: there is no such file or folder"]


def test_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    """With parsing and without; a file that cannot be read has none."""
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: 1\n")
    digest = hashlib.sha256(b"a: 1\n").hexdigest()
    assert load_documents(str(path)).digest == content_digest(str(path)) == digest
    assert content_digest(str(tmp_path / "gone.yaml")) == content_digest(str(tmp_path)) == ""
