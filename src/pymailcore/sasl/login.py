"""The LOGIN mechanism, which old clients still need.

Standards: none but draft-murchison-sasl-login-00; RFC 4422 section 5 for the initial response, which some
clients send with the user name in it.
"""

from typing import Final

from pymailcore.base.errors import LocalProtocolError
from pymailcore.sasl.steps import MAX_FIELD_OCTETS, Challenge, Credentials, Failed, Step

# Clients compare these texts or ignore them; the draft fixes the words, practice the colon.
USER_NAME: Final = Challenge(b"Username:")
PASSWORD: Final = Challenge(b"Password:")


class Login:
    """Two questions, two answers: the user name, then the password."""

    def __init__(self) -> None:
        self._authentication_id: str | None = None
        self._waiting = False
        self._spent = False

    def start(self, initial: bytes | None) -> Step:
        """Begin; an initial response that is not empty is the user name."""
        if self._waiting or self._spent:
            raise LocalProtocolError("LOGIN was started before")
        self._waiting = True
        return self.respond(initial) if initial else USER_NAME

    def respond(self, response: bytes) -> Step:
        """Take the answer to the last question."""
        if not self._waiting:
            raise LocalProtocolError("LOGIN waits for no response")
        text = _field(response)
        if text is None:
            self._waiting, self._spent = False, True
            return Failed("a response is empty, too long or not text")
        if self._authentication_id is None:
            self._authentication_id = text
            return PASSWORD
        self._waiting, self._spent = False, True
        return Credentials(self._authentication_id, "", text)


def _field(response: bytes) -> str | None:
    if not 0 < len(response) <= MAX_FIELD_OCTETS or b"\0" in response:
        return None
    try:
        return response.decode()
    except UnicodeDecodeError:
        return None
