from pymailcore.imap.protocol.limits import BEFORE_LOGIN, after_login


def test_strangers_get_little_and_the_known_get_more() -> None:
    """I1: 8 KiB, 4 KiB and 3 literals before login; 1 MiB of arguments after it."""
    assert (BEFORE_LOGIN.line_octets, BEFORE_LOGIN.literal_octets, BEFORE_LOGIN.literals) == (8192, 4096, 3)
    limits = after_login(50_000_000, 65_536)
    assert limits.line_octets == 1_048_576
    assert limits.literal_octets == 131_072
    assert limits.message_octets == 50_000_000
    assert limits.append_octets == 67_108_864
    assert after_login(100_000_000, 0).append_octets == 100_000_000


def test_the_largest_annotation_fits() -> None:
    """RFC 5464 section 4.3: a server takes what its limit says."""
    limits = after_login(1000, 2_000_000)
    assert limits.literal_octets == 2_000_000
    assert limits.line_octets > limits.literal_octets
