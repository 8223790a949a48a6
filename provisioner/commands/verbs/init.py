"""``init``: a project that plans and applies at once, against the embedded emulator.

Rule: nothing that is there is overwritten; what is missing is added, and each file is named.
"""

import os
import secrets

from provisioner.commands.terminal import Terminal
from provisioner.core.marker import ID_DIGITS
from provisioner.core.settings import FILE_NAME
from provisioner.core.text import printable
from provisioner.errors import UsageError

_SETTINGS = """\
# Settings of this project; its folder is the root. Every key has a flag and a variable:
# provisioner plan --help
stack: "{stack}"  # random; marks the tasks that this project owns. Commit it.
project_id: "17865298918277529"  # WeData project of manifests that name none
region: ap-singapore
endpoint: embedded  # an emulator on this machine; for the real thing: wedata.intl.tencentcloudapi.com
manifests: manifests
state: provisioner.state.json
"""

_MANIFEST = """\
# One task. Everything under TaskInfo is the API's own IntegrationTaskInfo, in its own spelling.
# Its schema, for editors: provisioner schema > manifest.schema.json
kind: IntegrationTask
name: orders-to-lake  # the address: how state, plans and commands name this task, for life
TaskInfo:
  Description: Orders, as they happen, into the data lake
  SyncType: 2  # 1 whole database, 2 single table
  TaskType: 201  # 201 real-time, 202 offline
  TaskMode: "1"
  ExecutorId: "20230313175748567418"
  Config:
    concurrency: 1
  Nodes:
    - Id: "1"
      Name: orders_mysql
      NodeType: INPUT
      DataSourceType: MYSQL
      DatasourceId: "65614"
      Config:
        Database: shop
        Table: orders
      Schema:
        - {Id: "101", Name: id, Type: bigint}
        - {Id: "102", Name: amount, Type: "decimal(12,2)"}
    - Id: "2"
      Name: orders_lake
      NodeType: OUTPUT
      DataSourceType: DLC
      DatasourceId: "65615"
      Config:
        Database: ods
        Table: orders
      Schema:
        - {Id: "201", Name: id, Type: bigint}
        - {Id: "202", Name: amount, Type: "decimal(12,2)"}
  Mappings:
    - SourceId: "1"
      SinkId: "2"
      SchemaMappings:
        - {SourceSchemaId: "101", SinkSchemaId: "201"}
        - {SourceSchemaId: "102", SinkSchemaId: "202"}
"""

_IGNORED = (".provisioner/", "*.state.journal", "*.state.lock", "*.state.json.tmp")


def init(terminal: Terminal, folder: str) -> int:
    """Make what is missing of a project in ``folder``.

    Raises:
        UsageError: the folder cannot be written.
    """
    try:
        os.makedirs(os.path.join(folder, "manifests"), exist_ok=True)
        made = _make_files(folder)
    except OSError as error:
        name = error.filename or folder
        raise UsageError(
            f"The project could not be made.\n  {printable(str(name))}: {error.strerror}"
        ) from error
    for line in made:
        terminal.result(printable(line))
    terminal.say("\nThe next commands:\n  provisioner validate\n  provisioner plan\n  provisioner apply")
    return 0


def _make_files(folder: str) -> list[str]:
    said = [
        _new_file(os.path.join(folder, FILE_NAME), _SETTINGS.format(stack=secrets.token_hex(ID_DIGITS // 2)))
    ]
    manifests = os.path.join(folder, "manifests")
    if os.listdir(manifests):
        said.append(f"kept     {os.path.normpath(manifests)}: it has files already")
    else:
        said.append(_new_file(os.path.join(manifests, "orders-to-lake.yaml"), _MANIFEST))
    said.append(_ignore(os.path.join(folder, ".gitignore")))
    return said


def _new_file(path: str, text: str) -> str:
    shown = os.path.normpath(path)
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        if not os.path.exists(path):
            raise _leads_nowhere(shown) from error
        return f"kept     {shown}: it is there already"
    return f"created  {shown}"


def _ignore(path: str) -> str:
    """Add the lines that are missing, at the end."""
    shown = os.path.normpath(path)
    try:
        # Only lines of ASCII are looked for: what encoding the others are in does not matter.
        with open(path, encoding="utf-8", errors="backslashreplace") as file:
            text = file.read()
    except FileNotFoundError as error:
        if os.path.islink(path):
            raise _leads_nowhere(shown) from error
        text = ""
    missing = [line for line in _IGNORED if line not in text.splitlines()]
    if not missing:
        return f"kept     {shown}: it has the lines already"
    with open(path, "a", encoding="utf-8") as file:
        file.write(("\n" if text and not text.endswith("\n") else "") + "\n".join(missing) + "\n")
    return f"{'updated' if text else 'created'}  {shown}"


def _leads_nowhere(shown: str) -> UsageError:
    return UsageError(
        f"The project could not be made.\n  {printable(shown)}: is a link to something that is not there"
    )
