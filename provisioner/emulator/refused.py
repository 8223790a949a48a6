"""The one way in which a call fails by the API's own rules.

Rule: a call that is refused had no effect, whoever refused it: the gateway or the service.
"""


class RefusedError(Exception):
    """The call is refused with an error code; it had no effect."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
