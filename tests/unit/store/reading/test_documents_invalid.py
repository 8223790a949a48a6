"""Every file in tests/manifests/invalid has exactly the problems in the .expected file beside it.

After a change of words: ``python tests/unit/store/reading/test_documents_invalid.py`` writes them anew;
read the difference like code.
"""

import os

import pytest

from provisioner.store.reading.documents import load_documents

ROOT = os.path.join(os.path.dirname(__file__), "..", "..", "..", "manifests", "invalid")
NAMES = sorted(name for name in os.listdir(ROOT) if not name.endswith(".expected"))


def problems_of(name: str) -> str:
    loaded = load_documents(os.path.join(ROOT, name))
    prefix = loaded.path.removesuffix(name)
    return "".join(f"{problem}\n".removeprefix(prefix) for problem in loaded.problems)


@pytest.mark.parametrize("name", NAMES)
def test_problems_are_those_expected(name: str) -> None:
    with open(os.path.join(ROOT, f"{name}.expected"), encoding="utf-8") as file:
        assert problems_of(name) == file.read()


def test_every_expectation_has_its_file() -> None:
    expected = {name.removesuffix(".expected") for name in os.listdir(ROOT) if name.endswith(".expected")}
    assert expected == set(NAMES)


if __name__ == "__main__":
    for changed in NAMES:
        with open(os.path.join(ROOT, f"{changed}.expected"), "w", encoding="utf-8") as output:
            output.write(problems_of(changed))
