"""Reads a table of accounts: comma-separated values with a line of names above (RFC 4180).

docs/operate/accounts-csv.md says for users what the columns are. Every fault is found, with its line, before
anything is done.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import click

from pymailcore.base.address import Address
from pymailcore.cli.quotas import read_limit
from pymailcore.directory.account_rows import KINDS

COLUMNS: Final = ("address", "password", "password_hash", "full_name", "kind", "quota", "aliases", "groups")


class Row(NamedTuple):
    """One account of the table.

    Attributes:
        line: where its row ends, from 1.
        limits: new limits by name; nothing where the table has none.
    """

    line: int
    address: Address
    password: str | None = None
    verifier: str | None = None
    full_name: str = ""
    kind: str = ""
    limits: Mapping[str, int | None] = {}
    aliases: tuple[Address, ...] = ()
    groups: tuple[Address, ...] = ()


class Fault(NamedTuple):
    """What is wrong with a line."""

    line: int
    text: str


class _Wrong(Exception):
    pass


def read_table(lines: Iterable[str]) -> tuple[list[Row], list[Fault]]:
    """Read a table; columns stand between commas, or between semicolons where its first line has no comma."""
    source = iter(lines)
    first = next(source, "")
    reader = csv.reader(_again(first, source), delimiter="," if "," in first or ";" not in first else ";")
    names = [name.strip().lower() for name in next(reader, [])]
    faults = _header_faults(names)
    rows: dict[str, Row] = {}
    if faults:
        return [], faults
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                _add(rows, faults, reader.line_num, names, cells)
    except csv.Error as fault:
        faults.append(Fault(reader.line_num, str(fault)))
    return list(rows.values()), faults


def _again(first: str, rest: Iterable[str]) -> Iterable[str]:
    yield first
    yield from rest


def _header_faults(names: Sequence[str]) -> list[Fault]:
    known = ", ".join(COLUMNS)
    texts = [f"there is no column {name!r}; there are {known}" for name in names if name not in COLUMNS]
    texts += [f"there are two columns {name}" for name in sorted(set(names)) if names.count(name) > 1]
    if "address" not in names:
        texts.append(f"the first line names the columns, address among them; there are {known}")
    return [Fault(1, text) for text in texts]


def _add(
    rows: dict[str, Row], faults: list[Fault], line: int, names: Sequence[str], cells: Sequence[str]
) -> None:
    try:
        if len(cells) != len(names):
            raise _Wrong(f"has {len(cells)} values, the first line {len(names)}")
        row = _row(line, {name: cell for name, cell in zip(names, cells, strict=True) if cell.strip()})
        before = rows.get(row.address.key)
        if before is not None:
            raise _Wrong(f"{row.address} stands in line {before.line} already")
    except _Wrong as wrong:
        faults.append(Fault(line, str(wrong)))
    else:
        rows[row.address.key] = row


def _row(line: int, cells: Mapping[str, str]) -> Row:
    if "address" not in cells:
        raise _Wrong("has no address")
    kind = cells.get("kind", "").strip()
    if kind and kind not in KINDS:
        raise _Wrong(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
    secrets = [name for name in ("password", "password_hash") if name in cells]
    if len(secrets) == 2:
        raise _Wrong("has a password and a password_hash")
    if secrets and kind not in ("", "personal"):
        raise _Wrong(f"nobody signs in to a {kind} account, so it has no password")
    return Row(
        line,
        _address(cells["address"]),
        cells.get("password"),
        cells.get("password_hash", "").strip() or None,
        " ".join(cells.get("full_name", "").split()),
        kind,
        _limits(cells.get("quota", "").strip()),
        _addresses(cells.get("aliases", "")),
        _addresses(cells.get("groups", "")),
    )


def _limits(quota: str) -> Mapping[str, int | None]:
    try:
        return {"octets": read_limit("octets", quota)} if quota else {}
    except click.UsageError as fault:
        raise _Wrong(f"quota: {fault.message}") from None


def _addresses(text: str) -> tuple[Address, ...]:
    return tuple(_address(one) for one in text.replace(";", " ").replace(",", " ").split())


def _address(text: str) -> Address:
    address = Address.parse(text.strip())
    if address is None:
        raise _Wrong(f"{text.strip()!r} is no mail address")
    return address
