"""The cache is a hint: with it and without it, a plan is the same, byte for byte."""

import os
import random
from pathlib import Path

import pytest

from projects import Project, task_manifest
from provisioner.store.cache import PATH, Head, ManifestCache, load_cache

HEAD = Head("a", 1, 1, "1", 201, "digest", prevent_destroy=False, moved_from=())


def _plans_agree(project: Project) -> None:
    cache = project.root / PATH
    warm = project.run("plan", "--json")
    kept = cache.read_bytes() if cache.exists() else None
    if kept is not None:
        cache.unlink()
    cold = project.run("plan", "--json")
    assert (warm.code, warm.out, warm.err) == (cold.code, cold.out, cold.err)
    if kept is not None:
        cache.write_bytes(kept)


@pytest.mark.parametrize("seed", range(8))
def test_with_and_without_the_cache_plans_are_the_same(project: Project, seed: int) -> None:
    """Over random edits, renames, removals, touched and restored times, changed defaults, changed state."""
    chance = random.Random(seed)
    for number in range(6):
        project.write(f"manifests/{number}.yaml", task_manifest(f"t{number}"))
    assert project.run("apply", "-auto-approve", "--rate-per-second", "1000").code == 0
    for _ in range(10):
        _random_edit(project, chance)
        _plans_agree(project)
        if chance.random() < 0.4:
            project.run("apply", "-auto-approve", "--rate-per-second", "1000", "--max-delete-percent", "100")
            _plans_agree(project)


def _random_edit(project: Project, chance: random.Random) -> None:
    files = sorted((project.root / "manifests").glob("*.yaml"))
    path = chance.choice(files)
    status = path.stat()
    if chance.random() < 0.4:
        _random_event(project, chance, path)
        return
    match chance.randrange(6):
        case 0:
            path.write_text(path.read_text().replace("concurrency: ", "concurrency: 1"))
        case 1:
            path.write_text(f"# a comment\n{path.read_text()}")
        case 2:
            path.rename(path.with_name(f"moved-{chance.randrange(1000)}.yaml"))
        case 3:
            path.unlink()
        case 4:
            # The same size and the same time, other content: only the bytes tell.
            path.write_text(path.read_text().replace("SyncType: 2", "SyncType: 1"))
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        case _:
            project.write(
                f"manifests/new-{chance.randrange(1000)}.yaml", task_manifest(f"n{chance.randrange(9)}")
            )


def _random_event(project: Project, chance: random.Random, path: Path) -> None:
    """Something that happens to a project otherwise than by writing a manifest."""
    match chance.randrange(4):
        case 0:
            status = path.stat()
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + chance.choice((-1, 1)) * 10**9))
        case 1:
            # Two files change places: each path has bytes that were known under another one.
            other = chance.choice(sorted((project.root / "manifests").glob("*.yaml")))
            one, two = path.read_bytes(), other.read_bytes()
            path.write_bytes(two)
            other.write_bytes(one)
        case 2:
            _change_the_state(project, chance)
        case _:
            settings = project.root / "provisioner.yaml"
            settings.write_text(
                f"{settings.read_text().split('defaults:')[0]}defaults: {{Incharge: p{chance.randrange(3)}}}\n"
            )


def _change_the_state(project: Project, chance: random.Random) -> None:
    """Forget a task, move it, or put an earlier state back."""
    state = project.root / "provisioner.state.json"
    kept = project.root / "kept.state"
    match chance.randrange(3), project.run("state", "list").out.split():
        case 0, [*tasks] if tasks:
            project.run("state", "rm", chance.choice(tasks))
        case 1, [*tasks] if tasks:
            project.run("state", "mv", chance.choice(tasks), f"m{chance.randrange(1000)}")
        case _ if kept.exists():
            (project.root / "provisioner.state.journal").unlink(missing_ok=True)
            state.write_bytes(kept.read_bytes())
        case _:
            kept.write_bytes(state.read_bytes())


def test_what_was_kept_is_read_again_under_the_same_key(tmp_path: Path) -> None:
    """Under another key, or with a byte changed anywhere, it is as if there were none."""
    path = str(tmp_path / "folder" / "cache")
    cache = ManifestCache({}, "key")
    cache.keep("a.yaml", "bytes", [HEAD])
    cache.save(path)
    assert load_cache("key", path).heads("a.yaml") == ("bytes", [HEAD])
    assert load_cache("other", path).heads("a.yaml") == ("", ())
    data = (tmp_path / "folder" / "cache").read_bytes()
    for index in range(len(data)):
        (tmp_path / "folder" / "cache").write_bytes(
            data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :]
        )
        assert load_cache("key", path).heads("a.yaml") == ("", ())


def test_an_unchanged_cache_is_not_written_again(tmp_path: Path) -> None:
    """A plan that finds nothing new leaves the folder alone."""
    path = str(tmp_path / "cache")
    first = ManifestCache({}, "key")
    first.keep("a.yaml", "bytes", [HEAD])
    first.save(path)
    os.utime(path, (0, 0))
    again = load_cache("key", path)
    again.keep("a.yaml", "bytes", [HEAD])
    again.save(path)
    assert os.stat(path).st_mtime == 0


def test_a_folder_that_cannot_be_written_is_no_problem(tmp_path: Path) -> None:
    """The next plan takes longer, that is all."""
    (tmp_path / "file").write_text("")
    cache = ManifestCache({}, "key")
    cache.keep("a.yaml", "bytes", [HEAD])
    cache.save(str(tmp_path / "file" / "cache"))
    (tmp_path / "folder" / "cache").mkdir(parents=True)
    cache.save(str(tmp_path / "folder" / "cache"))
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["cache"]
