"""The PLAIN mechanism.

Standards: RFC 4616 section 2.
"""

from pymailcore.base.errors import LocalProtocolError
from pymailcore.sasl.steps import MAX_FIELD_OCTETS, Challenge, Credentials, Failed, Step

_MAX_MESSAGE_OCTETS = 3 * MAX_FIELD_OCTETS + 2


class Plain:
    """One message from the client: authorization id, NUL, authentication id, NUL, password."""

    def __init__(self) -> None:
        self._waiting = False
        self._spent = False

    def start(self, initial: bytes | None) -> Step:
        """Begin; without an initial response the challenge is empty (RFC 4422 section 5)."""
        if self._waiting or self._spent:
            raise LocalProtocolError("PLAIN was started before")
        self._waiting = True
        return Challenge(b"") if initial is None else self.respond(initial)

    def respond(self, response: bytes) -> Step:
        """Take the one message of the exchange."""
        if not self._waiting:
            raise LocalProtocolError("PLAIN waits for no response")
        self._waiting, self._spent = False, True
        if len(response) > _MAX_MESSAGE_OCTETS:
            return Failed("the response is too long")
        fields = response.split(b"\0")
        if len(fields) != 3:
            return Failed("the response does not have three fields")
        if max(map(len, fields)) > MAX_FIELD_OCTETS:
            return Failed("a field is too long")
        try:
            authorization_id, authentication_id, password = (field.decode() for field in fields)
        except UnicodeDecodeError:
            return Failed("the response is not UTF-8")
        if not authentication_id or not password:
            return Failed("the authentication id or the password is empty")
        return Credentials(authentication_id, authorization_id, password)
