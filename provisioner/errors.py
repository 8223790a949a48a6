"""Every error a person can see, and the exit code it becomes.

::

    ProvisionerError                    exit
    ├── UsageError                        1   wrong arguments, a refusal, "no" at the prompt
    ├── ConflictError                     1   more tasks than one where one belongs
    ├── ManifestError                     3   the author of a file: file, line, every problem
    ├── StateError                        4   whoever runs the tool
    │   ├── StateLockedError                  another run holds the lock: who, since when
    │   ├── StateDamagedError                 unreadable or from a newer version; never repaired silently
    │   └── StalePlanError                    the world or the plan itself changed since it was made
    ├── ApiError                          5   the cloud, the network, the credentials
    │   ├── CredentialsError                  none found, or a file of them is unreadable
    │   ├── ApiRefusedError                   an answer arrived and it was no
    │   ├── ApiUnreachableError               nothing was sent, or sending again is harmless
    │   └── OutcomeUnknownError           6   sent, no usable answer: the journal knows which task
    └── InterruptedRunError             130   Ctrl-C; everything known is recorded

A message says what is wrong with the name of the thing, then why, then what to do. The first line
is the same for every instance of a problem; the particulars come below it.
"""


class ProvisionerError(Exception):
    """Base of everything that is a message and not a bug."""

    exit_code = 1


class UsageError(ProvisionerError):
    """The call cannot be carried out as given; nothing was changed."""


class ConflictError(ProvisionerError):
    """More tasks than one carry the marker of one address; nothing was touched."""


class ManifestError(ProvisionerError):
    """Something written in a file is wrong; every problem is in the text."""

    exit_code = 3


class StateError(ProvisionerError):
    """The local record cannot be used as it is."""

    exit_code = 4


class StateLockedError(StateError):
    """Another run holds the lock."""


class StateDamagedError(StateError):
    """Snapshot or journal is unreadable, contradictory, or from a newer version."""


class StalePlanError(StateError):
    """Manifests or state are no longer those the plan was made from, or the plan was edited."""


class ApiError(ProvisionerError):
    """The remote side did not do what was asked."""

    exit_code = 5


class CredentialsError(ApiError):
    """No usable credentials."""


class ApiRefusedError(ApiError):
    """An answer arrived and it was no: nothing took effect."""


class ApiUnreachableError(ApiError):
    """Nothing was sent, or sending again is harmless."""


class OutcomeUnknownError(ApiError):
    """A write was sent and no usable answer came back: done or not done is unknown."""

    exit_code = 6


class InterruptedRunError(ProvisionerError):
    """The person asked to stop; everything known is recorded."""

    exit_code = 130
