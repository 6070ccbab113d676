"""dossier: no table with rows of an account is forgotten, and nothing secret is exported."""

import re
from pathlib import Path

from pymailcore.admin.dossier import TABLES
from pymailcore.store import schema

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
