"""totp: the vectors of the standard, the window, and that a code is good once."""

import pytest

from pymailcore.directory import totp

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_the_vectors_of_the_standard(seconds: int, code: str) -> None:
    """RFC 6238 appendix B (SHA-1, the last six of eight digits)."""
    assert totp.code_at(SECRET, totp.step_of(seconds * 1000)) == code
    assert totp.matching_step(SECRET, code, seconds * 1000, -1) == seconds // 30


def test_one_step_before_and_after_the_present_counts() -> None:
    """RFC 6238 section 5.2."""
    now_ms = 1_000 * 30_000
    for step, good in ((998, False), (999, True), (1_000, True), (1_001, True), (1_002, False)):
        found = totp.matching_step(SECRET, totp.code_at(SECRET, step), now_ms, -1)
        assert found == (step if good else None)


def test_a_step_is_good_once_and_none_before_it_afterwards() -> None:
    """RFC 6238 section 5.2."""
    now_ms = 1_000 * 30_000
    code = totp.code_at(SECRET, 1_000)
    assert totp.matching_step(SECRET, code, now_ms, 999) == 1_000
    assert totp.matching_step(SECRET, code, now_ms, 1_000) is None
    assert totp.matching_step(SECRET, totp.code_at(SECRET, 999), now_ms, 1_000) is None


@pytest.mark.parametrize("typed", ["", "28708", "2870822", "abcdef", "\ud800", "٢٨٧٠٨٢", "x" * 100_000])
def test_what_is_no_code_is_wrong(typed: str) -> None:
    assert totp.matching_step(SECRET, typed, 59_000, -1) is None


def test_blanks_in_a_code_do_not_matter() -> None:
    assert totp.matching_step(SECRET, " 287 082 ", 59_000, -1) == 1


def test_what_the_app_is_told() -> None:
    assert totp.key_uri(SECRET, "ann@a.example", "mx.example & Söhne") == (
        "otpauth://totp/mx.example%20%26%20S%C3%B6hne:ann@a.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        "&issuer=mx.example%20%26%20S%C3%B6hne&algorithm=SHA1&digits=6&period=30"
    )
