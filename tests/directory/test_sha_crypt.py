"""sha_crypt: against sums that the crypt of the C library has made."""

import pytest

from pymailcore.directory import sha_crypt

VECTORS = [
    ("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"),
    ("$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA", "Hello world!"),
    ("$5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5", "This is just a test"),
    ("$5$x$yHbtfs4Y8t6X1xcJemNX.4JQRfUTafA2qQenWGLBee2", ""),
    (
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJ"
        "uesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        "Hello world!",
    ),
    (
        "$6$rounds=1400$anotherlongsalts$9VkzajqxINCx93Bc51uvgxM46eA7OGotw5WcWj69w8o4NCgS78bDp93SM9650L8SHZ"
        "UpMJ.7c/1su2P9E/GV.0",
        "pässwört " * 9,
    ),
    (
        "$6$rounds=1001$abc$rmZEehhMy6zwnPuM4ZKp.wsknv0grnU1RQ9refP1L214CfyxmlwjduZzWZwfjzJSdGNJmUq0eHsGxPIf"
        "bkWay.",
        "a",
    ),
]


@pytest.mark.parametrize(("text", "password"), VECTORS)
def test_sums_are_those_of_crypt(text: str, password: str) -> None:
    algorithm, rounds, salt, total = sha_crypt.parse(text)
    assert sha_crypt.checksum(algorithm, password.encode(), salt.encode(), rounds) == total
    assert sha_crypt.checksum(algorithm, password.encode() + b"x", salt.encode(), rounds) != total


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$5$salt",
        "$1$salt$" + "a" * 43,
        "$5$salt$" + "a" * 42,
        "$6$salt$" + "a" * 85 + "!",
        "$5$rounds=x$salt$" + "a" * 43,
        "$5$rounds=9999999999$salt$" + "a" * 43,
        "$5$round=1000$salt$" + "a" * 43,
        "$5$sält$" + "a" * 43,
        "x$5$salt$" + "a" * 43,
    ],
)
def test_what_is_no_sha_crypt_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^no "):
        sha_crypt.parse(text)
