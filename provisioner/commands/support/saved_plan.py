"""A plan that was saved with ``plan --out``."""

from provisioner.core.documents.plan_reader import decode
from provisioner.core.plan.plan import Plan
from provisioner.core.text import printable
from provisioner.errors import UsageError
from provisioner.store.disk import Disk


def read_saved(path: str) -> tuple[Plan, bytes]:
    """A saved plan, for looking at and for comparing.

    Raises:
        UsageError: it cannot be read, or it is not a plan.
    """
    name = printable(path)
    try:
        data = Disk().read(path)
    except OSError as error:
        raise UsageError(f"The saved plan cannot be read.\n  {name}: {error.strerror}") from error
    if data is None:
        raise UsageError(f"There is no saved plan.\n  {name}\nMake one with: provisioner plan --out FILE")
    return decode(data, name), data
