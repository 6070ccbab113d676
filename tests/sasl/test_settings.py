import pytest

from pymailcore.sasl.settings import KNOWN, SaslSettings


def test_all_but_sha_1_are_on() -> None:
    """RFC 7677 section 4 on SHA-1."""
    assert [name for name in KNOWN if name not in SaslSettings().mechanisms] == [
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-1",
    ]


def test_an_unknown_mechanism_is_refused() -> None:
    with pytest.raises(ValueError, match="mechanisms: 'CRAM-MD5' is none of"):
        SaslSettings(mechanisms=("PLAIN", "CRAM-MD5"))
