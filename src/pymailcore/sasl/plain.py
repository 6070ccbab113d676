"""The PLAIN mechanism.

Standards: RFC 4616 section 2.
"""

from typing import Final

from pymailcore.sasl.machine import Machine, text_of
from pymailcore.sasl.steps import MAX_FIELD_OCTETS, Credentials, Failed, Step

MAX_MESSAGE_OCTETS: Final = 3 * MAX_FIELD_OCTETS + 2


class Plain(Machine):
    """One message from the client: authorization id, NUL, authentication id, NUL, password."""

    def _read(self, message: bytes) -> Step:
        if len(message) > MAX_MESSAGE_OCTETS:
            return Failed("the response is too long")
        fields = message.split(b"\0")
        if len(fields) != 3:
            return Failed("the response does not have three fields")
        if max(map(len, fields)) > MAX_FIELD_OCTETS:
            return Failed("a field is too long")
        authorization_id, authentication_id, password = map(text_of, fields)
        if authorization_id is None or authentication_id is None or password is None:
            return Failed("the response is not UTF-8")
        if not authentication_id or not password:
            return Failed("the authentication id or the password is empty")
        return Credentials(authentication_id, authorization_id, password)
