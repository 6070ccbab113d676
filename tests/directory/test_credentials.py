"""credentials: verifiers in the tables."""

from tests.support.memory_store import MemoryDatabase

from pymailcore.base.ids import AccountId
from pymailcore.directory import credentials
from pymailcore.directory.credentials import Credential
from pymailcore.store.types import Transaction

ANN = AccountId(1)


async def test_a_renewed_verifier_does_not_undo_a_change_of_the_password() -> None:
    database = MemoryDatabase()

    async def work(tx: Transaction) -> tuple[Credential | None, Credential | None]:
        await tx.run("INSERT INTO accounts (id, tenant, name, created_ms) VALUES (1, 1, 'ann@a.example', 0)")
        bare = await credentials.credential(tx, "ann@a.example")
        await credentials.set_verifier(tx, ANN, "old", 0)
        await credentials.set_verifier(tx, ANN, "changed", 0)
        await credentials.replace_verifier(tx, ANN, "old", "renewed")
        assert await credentials.credential(tx, "ben@a.example") is None
        return bare, await credentials.credential(tx, "ann@a.example")

    bare, found = await database.write(work)
    assert bare is not None
    assert bare.verifier is None
    assert found is not None
    assert (found.principal.account, found.verifier) == (ANN, "changed")
