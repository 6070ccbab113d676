"""The EXTERNAL mechanism: the connection's client certificate says who the client is.

Standards: RFC 4422 appendix A.
"""

from pymailcore.sasl.machine import Machine, text_of
from pymailcore.sasl.steps import MAX_FIELD_OCTETS, Failed, Step
from pymailcore.sasl.steps import External as Decided


class External(Machine):
    """One message from the client: who it wants to act as, or nothing."""

    def _read(self, message: bytes) -> Step:
        authorization_id = text_of(message, MAX_FIELD_OCTETS)
        if authorization_id is None:
            return Failed("the authorization id is too long or not text")
        return Decided(authorization_id)
