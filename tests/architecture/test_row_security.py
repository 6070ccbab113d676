"""Every table that says whose its rows are has a policy on PostgreSQL, or stands here with a reason (T7).

What the policies do is shown on a real server by `tests/store/postgres/test_reach.py`.
"""

import re
from pathlib import Path
from typing import Final

from tests.architecture.test_account_bound import SOURCE

POLICIES: Final = SOURCE / "store" / "postgres"

WITHOUT: Final = {
    "accounts": "the policies ask it which are of a tenant, and an address may lead to any of them",
    "domains": "mail goes from any tenant to any domain",
    "groups": "mail goes from any tenant to any group",
    "group_members": "by the group; a member's account is empty where it is elsewhere",
    "roles": "those of the installation (tenant 0) are everybody's",
    "audit": "one chain of digests over all tenants: who appends reads the last record, whose ever it is",
    "blobs": "one space of numbers for all tenants: who takes one must see which are taken",
    "rights": "the account is who was given the rights, or nobody; whose the Mailbox is, mailboxes says",
    "removed": "numbers only, and each append and removal writes them",
    "thread_keys": "numbers only, and each append and removal writes them",
    "threads": "numbers only, and each append and removal writes them",
    "text_accounts": "below a policy the index of words is not used; each word has the account in it",
}
"""Tables with a column `account` or `tenant` that have no policy, and why."""


def owned_tables() -> set[str]:
    """The tables that have a column `account` or `tenant`, by the scripts of the schema."""
    found: set[str] = set()
    for script in (*sorted((SOURCE / "store" / "schema").glob("*.sql")), POLICIES / "text_index.sql"):
        text = re.sub(r"--[^\n]*", "", script.read_text("utf-8"))
        for name, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", text, re.DOTALL):
            if re.search(r"^\s+(account|tenant) \w", body, re.M):
                found.add(name)
        found |= set(re.findall(r"ALTER TABLE (\w+) ADD COLUMN (?:account|tenant) ", text))
    return found


def policed_tables(folder: Path = POLICIES) -> list[str]:
    """The tables that get a policy, as the scripts for PostgreSQL name them."""
    texts = [path.read_text("utf-8") for path in sorted(folder.glob("row_security*.sql"))]
    lists = [found for text in texts for found in re.findall(r"ARRAY ARRAY\[(.*?)\]", text, re.DOTALL)]
    return [name for found in lists for name in re.findall(r"'(\w+)'", found)]


def test_every_table_of_somebodys_rows_has_a_policy_or_a_reason() -> None:
    missing = owned_tables() - set(policed_tables()) - set(WITHOUT)
    assert not missing, f"a policy for {missing} in a script like row_security.sql, or a reason why not"


def test_no_table_has_both_or_is_gone() -> None:
    policed = policed_tables()
    assert len(policed) == len(set(policed)) > 25
    assert not set(policed) & set(WITHOUT)
    assert set(policed) | set(WITHOUT) == owned_tables()
