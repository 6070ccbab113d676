"""Tables of accounts: what is read, and every fault with its line."""

import pytest

from pymailcore.base.address import Address
from pymailcore.cli.accounts_table import Fault, Row, read_table


def test_all_columns() -> None:
    rows, faults = read_table(
        [
            "Address,full_name,password,password_hash,quota,aliases,groups,kind\n",
            'anna@a.test,"Arnold, Anna", pass word ,,5G,sales@a.test info@a.test,team@a.test,\n',
            "\n",
            "room@a.test,,,,none,,,resource\n",
        ]
    )
    assert faults == []
    assert rows == [
        Row(
            2, Address("anna", "a.test"), " pass word ", None, "Arnold, Anna", "", {"octets": 5 << 30},
            (Address("sales", "a.test"), Address("info", "a.test")), (Address("team", "a.test"),),
        ),
        Row(4, Address("room", "a.test"), kind="resource", limits={"octets": None}),
    ]  # fmt: skip


def test_semicolons_between_columns() -> None:
    rows, faults = read_table(["address;aliases\n", "anna@a.test;x@a.test y@a.test\n"])
    assert not faults
    assert len(rows[0].aliases) == 2


def test_every_fault_has_its_line() -> None:
    rows, faults = read_table(
        [
            "address,password,password_hash,kind,quota,groups\n",
            "anna@a.test,,,,,\n",
            "nobody,,,,,\n",
            "ANNA@a.test,,,,,\n",
            "b@a.test,x,$y$,,,\n",
            "c@a.test,x,,shared,,\n",
            "d@a.test,,,king,,\n",
            "e@a.test,,,,5X,\n",
            "f@a.test,,,,,team\n",
            "g@a.test\n",
            ",x,,,,\n",
            "h@a.test,,,,,\n",
        ]
    )
    assert [str(row.address) for row in rows] == ["anna@a.test", "h@a.test"]
    assert faults == [
        Fault(3, "'nobody' is no mail address"),
        Fault(4, "ANNA@a.test stands in line 2 already"),
        Fault(5, "has a password and a password_hash"),
        Fault(6, "nobody signs in to a shared account, so it has no password"),
        Fault(7, "kind is one of personal, shared, resource, not 'king'"),
        Fault(8, "quota: '5X' is neither a size nor none"),
        Fault(9, "'team' is no mail address"),
        Fault(10, "has 1 values, the first line 6"),
        Fault(11, "has no address"),
    ]


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("", "the first line names the columns"),
        ("anna@a.test,secret", "there is no column 'anna@a.test'"),
        ("address,passwort", "there is no column 'passwort'"),
        ("address,quota,quota", "there are two columns quota"),
    ],
)
def test_a_header_that_is_none(header: str, text: str) -> None:
    rows, faults = read_table([header + "\n", "anna@a.test,x\n"])
    assert rows == []
    assert faults[0].line == 1
    assert any(fault.text.startswith(text) for fault in faults)


def test_broken_quotes() -> None:
    _, faults = read_table(["address\n", 'x"\0\n'])
    assert [fault.line for fault in faults] == [2]
