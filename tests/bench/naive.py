"""The obvious combination of libraries, for comparison: load each manifest, check it, compare it.

python tests/bench/naive.py FOLDER     a project whose every task was applied
"""

import json
import os
import sys

import yaml
from deepdiff import DeepDiff  # type: ignore[attr-defined,unused-ignore]  # not exported by its stubs
from jsonschema import Draft202012Validator

from provisioner.core.schema.manifest_schema import manifest_schema


def main(folder: str) -> None:
    """Print how many tasks differ from what was applied."""
    with open(os.path.join(folder, "provisioner.state.json"), encoding="utf-8") as file:
        tasks = json.load(file)["tasks"]
    validator, changed = Draft202012Validator(manifest_schema()), 0
    for below, _, names in os.walk(os.path.join(folder, "manifests")):
        for name in names:
            with open(os.path.join(below, name), encoding="utf-8") as file:
                document = yaml.load(file, yaml.CSafeLoader)
            validator.validate(document)
            changed += bool(DeepDiff(tasks[document["name"]]["spec"], document["TaskInfo"]))
    sys.stdout.write(f"{changed} tasks differ\n")


if __name__ == "__main__":
    main(sys.argv[1])
