"""Access tokens that stand for an account: the table that OAuth fills, as signing in reads it.

Standards: RFC 6750 section 5.2 (short life), RFC 7628 (OAUTHBEARER).
"""

import base64
import json
from collections.abc import Iterable
from typing import Final, NamedTuple

from pymailcore.base.ids import AccountId
from pymailcore.directory.cache import tag
from pymailcore.directory.digests import Digests
from pymailcore.directory.ground import Ground
from pymailcore.store.types import Transaction

TOKEN_OCTETS: Final = 32
_KIND: Final = "access token"


class Token(NamedTuple):
    """What a token stands for.

    Attributes:
        name: of the account, in its key form.
        scopes: what it is good for; those that are names of protocols ("imap", "smtp", "jmap" …) open them.
    """

    account: AccountId
    name: str
    client: str
    scopes: tuple[str, ...]
    expires_ms: int


class Tokens:
    """Access tokens of all accounts."""

    def __init__(self, ground: Ground, digests: Digests) -> None:
        self._ground = ground
        self._digests = digests
        self._found = ground.lookup(_load)

    async def issue(self, account: AccountId, client: str, scopes: Iterable[str], seconds: float) -> str:
        """Make a token and give its text, which nobody can have again."""
        text = base64.urlsafe_b64encode(self._ground.random_bytes(TOKEN_OCTETS)).decode().rstrip("=")
        digest, now_ms = (await self._digests.keys()).digest(_KIND, text), self._ground.now_ms()
        listed = json.dumps(sorted(scopes))

        async def work(tx: Transaction) -> None:
            await tx.run("DELETE FROM oauth_tokens WHERE account = ?1 AND expires_ms <= ?2", account, now_ms)
            await tx.run(
                "INSERT INTO oauth_tokens (digest, account, client, scopes, created_ms, expires_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                digest, account, client, listed, now_ms, now_ms + int(seconds * 1000),
            )  # fmt: skip

        await self._ground.database.write(work)
        return text

    async def find(self, text: str) -> Token | None:
        """Give what a token stands for; None when it is none or has expired."""
        found = await self._found.get((await self._digests.keys()).digest(_KIND, text))
        return None if found is None or found.expires_ms <= self._ground.now_ms() else found


async def _load(tx: Transaction, digest: bytes, tags: set[int]) -> Token | None:
    row = await tx.row(
        "SELECT o.account, a.name, o.client, o.scopes, o.expires_ms FROM oauth_tokens o"
        " JOIN accounts a ON a.id = o.account WHERE o.digest = ?1",
        digest,
    )
    if row is None:
        return None
    tags.add(tag("account", row[0]))
    return Token(AccountId(row[0]), row[1], row[2], tuple(json.loads(row[3])), row[4])
