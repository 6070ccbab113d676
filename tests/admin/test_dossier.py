"""dossier: no table with rows of an account is forgotten, and nothing secret is exported."""

import re
from pathlib import Path

from tests.support.stores import Opened

from pymailcore.admin.dossier import AUDIT_OF, TABLES, audit_of
from pymailcore.base.ids import AccountId, TenantId
from pymailcore.directory.types import Account
from pymailcore.store import schema
from pymailcore.store.types import Row, Transaction

_SECRET = ("verifier", "digest", "secret", "stored_key", "server_key", "handle")


def test_every_table_with_rows_of_an_account_is_named() -> None:
    text = "".join(path.read_text() for path in sorted(Path(schema.__file__).parent.glob("*.sql")))
    tables = re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", text, re.DOTALL)
    owned = {name for name, columns in tables if re.search(r"^ +account INTEGER", columns, re.MULTILINE)}
    assert len(owned) > 20
    assert owned <= {table.name for table in TABLES}


def test_no_secret_is_among_the_columns() -> None:
    for table in TABLES:
        assert not any(word in table.columns for word in _SECRET), table.name


ANN = Account(AccountId(5), TenantId(2), "ann@a.test", "Ann@a.test", 0)
RECORDS = [
    # tenant, actor, subject, whether it is about Ann
    (2, "operator:root@cli", "ann@a.test", True),
    (2, "operator:root@cli", "Ann@a.test", True),
    (2, "operator:root@cli", "account ann@a.test", True),
    (2, "operator:root@cli", "ann@a.test / phone", True),
    (3, "ann@a.test", "tenant acme", True),
    (3, "operator:root@cli", "ann@a.test", False),  # who had the address in another tenant
    (3, "operator:root@cli", "ann@a.test / phone", False),
    (2, "operator:root@cli", "ann@a.tests", False),
    (2, "joann@a.test", "joann@a.test / phone", False),
]
INSERT = (
    "INSERT INTO audit (seq, moment_ms, tenant, actor, peer, action, subject, old, new, digest)"
    " VALUES (?1, 0, ?2, ?3, '', 'x', ?4, '', '', ?5)"
)


async def test_records_of_the_audit_log_are_those_of_the_account(opened: Opened) -> None:
    rows = [(1_000 + place, *one[:3], bytes(32)) for place, one in enumerate(RECORDS)]
    await opened.store.database.write(lambda tx: tx.run_many(INSERT, rows))
    found = await opened.store.database.read(lambda tx: audit_of(tx, ANN))
    mine = [1_000 + place for place, one in enumerate(RECORDS) if one[3]]
    assert [one["seq"] for one in found] == mine[::-1]


async def test_they_are_found_by_indexes(opened: Opened, engine: str) -> None:
    """A log of millions of records is not looked through."""
    some = [(1_000 + n, n % 7, f"ann{n}@a.test", f"ben{n}@a.test", bytes(32)) for n in range(3_000)]

    async def work(tx: Transaction) -> list[Row]:
        await tx.run_many(INSERT, some)
        await tx.run("ANALYZE audit")
        how = "EXPLAIN " if engine == "postgresql" else "EXPLAIN QUERY PLAN "
        return await tx.rows(
            how + AUDIT_OF, "ann@a.test", "Ann@a.test", 2, "ann@a.test / ", "ann@a.test /!", 9
        )

    plan = "\n".join(str(row[-1]) for row in await opened.store.database.write(work))
    assert plan.count("audit_subject") == 2
    assert "audit_actor" in plan
    assert "SCAN audit" not in plan
    assert "Seq Scan" not in plan
