"""recovery: ten codes, however they are typed."""

import secrets

from pymailcore.base.ids import AccountId
from pymailcore.directory import recovery
from pymailcore.directory.digests import Keys

KEYS = Keys(b"k" * 32)


def test_ten_different_codes_of_eighty_bits() -> None:
    codes = recovery.new_codes(secrets.token_bytes)
    assert len(set(codes)) == 10
    assert all(recovery.bare(code) == code.replace("-", "") for code in codes)


def test_capitals_blanks_and_hyphens_do_not_matter() -> None:
    assert recovery.bare(" ABCD efgh-2345 6777") == "abcdefgh23456777"
    for typed in ("", "abc", "abcdefgh2345677", "abcdefgh234567777", "abcd!fgh23456777", "ä" * 16, "x" * 100):
        assert recovery.bare(typed) is None


def test_a_digest_is_of_one_account_and_code() -> None:
    digests = [(n, recovery.digest_of(KEYS, AccountId(1), f"code{n}")) for n in range(3)]
    assert recovery.matching(digests, recovery.digest_of(KEYS, AccountId(1), "code1")) == 1
    assert recovery.matching(digests, recovery.digest_of(KEYS, AccountId(2), "code1")) is None
    assert recovery.matching([], b"") is None
