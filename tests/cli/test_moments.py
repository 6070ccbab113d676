from pymailcore.cli.moments import moment


def test_a_moment_is_utc_to_the_second() -> None:
    """RFC 3339 section 5.6."""
    assert moment(1_700_000_000_999) == "2023-11-14T22:13:20Z"
