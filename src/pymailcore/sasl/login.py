"""The LOGIN mechanism, which old clients still need.

Standards: none but draft-murchison-sasl-login-00; RFC 4422 section 5 for the initial response, which some
clients send with the user name in it.
"""

from typing import Final

from pymailcore.sasl.machine import Machine, text_of
from pymailcore.sasl.steps import MAX_FIELD_OCTETS, Challenge, Credentials, Failed, Step

# Clients compare these texts or ignore them; the draft fixes the words, practice the colon.
USER_NAME: Final = Challenge(b"Username:")
PASSWORD: Final = Challenge(b"Password:")


class Login(Machine):
    """Two questions, two answers: the user name, then the password."""

    first = USER_NAME

    def __init__(self) -> None:
        super().__init__()
        self._authentication_id: str | None = None

    def start(self, initial: bytes | None) -> Step:
        """Begin; an initial response that is not empty is the user name."""
        return super().start(initial or None)

    def _read(self, message: bytes) -> Step:
        text = text_of(message, MAX_FIELD_OCTETS)
        if not text:
            return Failed("a response is empty, too long or not text")
        if self._authentication_id is None:
            self._authentication_id = text
            return PASSWORD
        return Credentials(self._authentication_id, "", text)
