"""What protocols ask the directory when somebody logs in; `directory.directory.Directory` answers."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from pymailcore.directory.presence import Place
from pymailcore.directory.types import Principal
from pymailcore.sasl.steps import Evidence, NeedKeys, ScramKeys


class SignIn(Protocol):
    """Judges what SASL exchanges come to, and what is like one."""

    async def scram_keys(self, need: NeedKeys, *, peer: str, protocol: str) -> ScramKeys:
        """Give the keys of a name; of one that does not exist they are made up, the same each time.

        Raises:
            TemporaryFailure: too many attempts, or the directory is away.
        """
        ...

    async def authenticate(
        self,
        evidence: Evidence,
        *,
        peer: str,
        protocol: str,
        certificate: bytes | None = None,
        mechanism: str = "PLAIN",
    ) -> Principal:
        """Say who logs in.

        Args:
            protocol: "smtp", "imap", "jmap", "web"; a secret may be for some of them only.
            certificate: DER form of the client's certificate, verified.

        Raises:
            Forbidden: it is wrong; wrong in every way looks the same and takes the same time.
            TemporaryFailure: too many attempts, or the directory is away.
        """
        ...

    def failure_pause_seconds(self, peer: str) -> float:
        """How long a client waits for the answer to an attempt that failed."""
        ...

    def here(
        self, principal: Principal, end: Callable[[], None], *, protocol: str, peer: str, client: str = ""
    ) -> AbstractContextManager[Place]:
        """Hold a place for a connection while it is signed in; see `directory.presence.Presence.here`."""
        ...
