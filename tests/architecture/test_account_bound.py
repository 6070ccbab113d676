"""Every statement on a table of accounts' rows says of which account or tenant; or stands here with a reason.

This is the second line behind the checks of rights (T7), on both engines; on PostgreSQL row-level security
is another one (`test_row_security.py`). The statements themselves are looked at: a new one without the
account in its condition fails until somebody has thought about it. What ids of other accounts really give is
asked of every JMAP method and IMAP command by `tests/imap/test_server_tenants.py` and
`tests/jmap/test_api_tenants.py`.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import pytest

SOURCE: Final = Path(__file__).parents[2] / "src" / "pymailcore"

WHOLE: Final = {
    "store/backup": "copies and brings back whole stores, or one account in a file of its own",
    "store/fulltext": "the index is built and checked for all accounts by a job that no peer reaches",
    "store/housekeeping": "looks after all accounts; no argument comes from a peer",
    "store/verifying": "checks and mends the whole store for an operator",
    "admin/transfer": "an operator moves mail between installations",
}
"""Packages that work on all accounts, with the reason."""

EXCEPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "by a secret that only its owner has, or by its digest; the row then says whose it is": {
        "directory/api_keys.py": "_load",
        "directory/certificates.py": "_SELECT _load add",
        "directory/sessions.py": "find prove touch",
        "directory/tokens.py": "_load",
        "directory/second_factors.py": "finish_assertion*2",
    },
    "by the id of a row that the operation found for the account before": {
        "directory/factor_rows.py": "take_recovery take_totp",
        "directory/second_factors.py": "confirm_totp",
        "directory/sign_ins.py": "_touch*3",
    },
    "connections of one process, which writes about its own only; and those of processes that are dead": {
        "directory/presences.py": "keep*3 leave",
    },
    "finds whose something is, so that the registry can decide (admin/registry.py)": {
        "admin/operations/api_keys.py": "_key",
        "directory/api_keys.py": "_STATES grants_in key remove",
    },
    "looks whose ids are that led to nothing, a minute later and for the audit log alone": {
        "directory/foreign_ids.py": "_OWNERS*5 _UPLOAD",
    },
    "by an address, a group, a domain or a role, which have no account": {
        "directory/account_rows.py": "forget_rights rename",
        "directory/api_keys.py": "forget_domain",
        "directory/domains.py": "remove_domain*2",
        "directory/groups.py": "_is_in add_member members remove remove_member",
        "directory/roles.py": "_HELD",
        "directory/send_rights.py": "of",
        "directory/sign_in_rows.py": "load",
        "directory/tenants.py": "forget",
    },
    "routing: from an address to whoever has it": {
        "directory/routes.py": "_ENTRIES _HOLDERS _MEMBERS _OF_FEW _OF_MANY _is_member",
    },
    "the outbound queue: by the message that is leased, or all that are due": {
        "queue/chosen.py": "entries",
        "queue/due.py": "_due _of_others",
        "queue/held.py": "_MAY_GO may_not_send may_resume resume",
        "queue/tables.py": "message remove_message",
    },
    "by a Mailbox that was found for the account, or of which the rights were asked": {
        "store/arranging.py": "highest_modseq",
        "store/listing.py": "_THREADS",
        "store/ops/accounts.py": "clear",
        "store/ops/annotations.py": "let_go",
        "store/ops/fetch.py": "fetch_sql snapshot",
        "store/ops/kept.py": "_GONE_SINCE _HISTORY stands_in",
        "store/ops/mailboxes.py": "_move remove_row*3 update",
        "store/ops/marking.py": "_DROP _HIDE _LEFT _MEMBERS _SHOW _STAY _THREADS",
        "store/ops/revision.py": "_write_mailboxes",
        "store/ops/rights.py": "_announce change*2 listed rights_of",
        "store/ops/stretch.py": "_BOUNDS _GROUP _GROUPS _MOVED _ROWS _SUMS _TOUCH _UNREAD _UPDATE _TO_TRASH",
    },
    "of threads that the operation has counted into its own temporary table": {
        "store/ops/marking.py": "_COMING _COUNT _ELSEWHERE _LEAVING _LESS expunge",
        "store/ops/stretch.py": "_COUNT _COUNT_TRASH _FLIPPED _GAINED _IN_TRASH _LOST _TRASHED",
    },
    "by ids of Emails or Threads that the operation found for the account": {
        "store/ops/across.py": "copy",
        "store/ops/blob_rows.py": "_LOOSEN let_go",
        "store/ops/kept.py": "_let_go*2 _rename*4 _threads newest",
        "store/ops/revision.py": "_keep _write_emails",
        "store/ops/thread_counts.py": "_LOAD _store",
        "store/reading.py": "_DATA stored_rows",
    },
    "housekeeping of all accounts": {
        "store/ops/kept.py": "purge_names*3",
    },
}
"""By reasons: modules, with the functions or constants that hold such statements (`name*2`: two of them)."""

WORD: Final = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\b")
TABLE: Final = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)")
BOUND: Final = (
    re.compile(
        r"\b(?:account|tenant)\s*(?:=|IN|IS NOT DISTINCT FROM)\s*(?:\?|\(SELECT value FROM json_each)"
    ),
    re.compile(r"^\s*INSERT INTO \w+ \([^)]*\b(?:account|tenant)\b"),
    re.compile(r"\baccount\s*=\s*(\w+)\.id\b.*\b\1\.id\s*=\s*\?", re.DOTALL),
    re.compile(r"\b(\w+)\.id\s*=\s*\w+\.account\b.*\b\1\.id\s*=\s*\?", re.DOTALL),
)


class Statement(NamedTuple):
    """A statement in the source: where, in which function or constant, and its text."""

    module: str
    line: int
    name: str
    text: str


def keyed_tables() -> frozenset[str]:
    """The tables that have a column `account`, by the scripts of the schema."""
    columns: dict[str, str] = {}
    for script in sorted((SOURCE / "store" / "schema").glob("*.sql")):
        text = re.sub(r"--[^\n]*", "", script.read_text("utf-8"))
        columns |= dict(re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", text, re.DOTALL))
        for table, column in re.findall(r"ALTER TABLE (\w+) ADD COLUMN (\w+ \w+)", text):
            columns[table] += f"\n    {column}"
    return frozenset(name for name, body in columns.items() if re.search(r"^\s+account \w", body, re.M))


def text_of(node: ast.AST, constants: Mapping[str, ast.expr], depth: int = 0) -> str | None:
    """The text of an expression, with `{}` for what only a run knows."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(one, constants, depth) or "{}" for one in node.values)
    if isinstance(node, ast.FormattedValue):
        return text_of(node.value, constants, depth)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [text_of(side, constants, depth) for side in (node.left, node.right)]
        return None if sides == [None, None] else "".join(side or "{}" for side in sides)
    if isinstance(node, ast.Name) and node.id in constants and depth < 5:
        return text_of(constants[node.id], constants, depth + 1)
    return None


def statements(module: str, text: str) -> Iterator[Statement]:
    """All statements of a module."""
    tree = ast.parse(text)
    constants: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            constants |= {one.id: node.value for one in targets if isinstance(one, ast.Name)}
    for name, part in _named(tree):
        seen: set[int] = set()
        for inner in ast.walk(part):
            if id(inner) not in seen and isinstance(inner, ast.Constant | ast.JoinedStr | ast.BinOp):
                found = text_of(inner, constants)
                if found is not None:
                    seen |= {id(one) for one in ast.walk(inner)}
                    if WORD.match(found):
                        yield Statement(module, inner.lineno, name, found)


def _named(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Functions, methods and constants with their names."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from ((getattr(one, "name", node.name), one) for one in node.body)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            yield ast.unparse(target), node
        else:
            yield getattr(node, "name", ""), node


def unbound(module: str, text: str, keyed: frozenset[str]) -> list[Statement]:
    """The statements of a module on tables of accounts that bind none."""
    return [
        one
        for one in statements(module, text)
        if keyed & set(TABLE.findall(one.text)) and not any(rule.search(one.text) for rule in BOUND)
    ]


def everything() -> Iterator[Statement]:
    """All such statements of the source."""
    keyed = keyed_tables()
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(SOURCE).as_posix()
        if not any(module.startswith(f"{package}/") for package in WHOLE):
            yield from unbound(module, path.read_text("utf-8"), keyed)


def expected() -> Counter[tuple[str, str]]:
    """What the exceptions allow: names of modules, each as often as it says."""
    allowed: Counter[tuple[str, str]] = Counter()
    for modules in EXCEPTIONS.values():
        for module, names in modules.items():
            for entry in names.split():
                name, _, times = entry.partition("*")
                allowed[module, name] += int(times or 1)
    return allowed


def test_every_statement_says_whose_rows_it_means() -> None:
    found = list(everything())
    allowed = expected()
    counted = Counter((one.module, one.name) for one in found)
    new = [
        f"{one.module}:{one.line}: {one.name}: {one.text}"
        for one in found
        if counted[one.module, one.name] > allowed[one.module, one.name]
    ]
    assert not new, "no account is bound here; bind it, or say in EXCEPTIONS why not:\n" + "\n".join(new)


def test_what_is_excepted_is_there() -> None:
    counted = Counter((one.module, one.name) for one in everything())
    gone = [entry for entry, times in expected().items() if counted[entry] < times]
    assert not gone


def test_the_tables_are_found() -> None:
    assert keyed_tables() >= {
        "emails",
        "mailboxes",
        "forwards",
        "app_passwords",
        "queue_messages",
        "sessions",
    }
    assert not keyed_tables() & {"accounts", "tenants", "placements", "audit"}


@pytest.mark.parametrize(
    ("statement", "bound"),
    [
        ("SELECT id FROM emails WHERE account = ?1", True),
        ("SELECT id FROM emails e WHERE e.account IN (SELECT value FROM json_each(?1))", True),
        ("SELECT 1 FROM mailboxes m JOIN accounts a ON m.account = a.id WHERE a.id = ?1", True),
        ("INSERT INTO forwards (account, target) VALUES (?1, ?2)", True),
        ("SELECT id FROM api_keys WHERE tenant = ?1", True),
        ("SELECT id FROM emails WHERE id = ?1", False),
        ("DELETE FROM sessions", False),
        ("UPDATE mailboxes SET account = 3 WHERE id = ?1", False),
        ("SELECT 1 FROM placements p JOIN emails e ON e.id = p.email WHERE p.mailbox = ?1", False),
        ("SELECT 1 FROM audit WHERE seq = ?1", True),
    ],
)
def test_the_look_finds_what_it_looks_for(statement: str, *, bound: bool) -> None:
    text = (
        f"_W = {statement!r}\nclass T:\n    async def f(self, tx):\n        await tx.run(f'{{_W}} {{x}}')\n"
    )
    found = unbound("m.py", text, keyed_tables())
    assert [one.name for one in found] == ([] if bound else ["_W", "f"])
