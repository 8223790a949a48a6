"""What may become of one send."""

from dataclasses import dataclass

from provisioner.core.api.replies import Refused, Reply, Unknown


@dataclass(frozen=True)
class Fate:
    """What becomes of one send."""

    takes_effect: bool = True
    reply: Reply | None = None
    """None: ``Done``, as the service would say."""

    delay_seconds: int = 0
    """How long after the send it takes effect."""


OK = Fate()

LOST_BEFORE = Fate(takes_effect=False, reply=Unknown(code="ConnectionLost", message="no answer"))

LOST_AFTER = Fate(reply=Unknown(code="Timeout", message="no answer"))


def late(seconds: int) -> Fate:
    """No answer, and the effect comes later."""
    return Fate(reply=Unknown(code="Timeout", message="no answer"), delay_seconds=seconds)


def refused(code: str, *, may_repeat: bool = False) -> Fate:
    """No effect, and the service says so."""
    return Fate(
        takes_effect=False,
        reply=Refused(code=code, message=f"said {code}", request_id="r-no", may_repeat=may_repeat),
    )
