"""The messages of security.md section 2.2 that brought other parsers down, in any size."""

from collections.abc import Callable


def parameters(size: int) -> bytes:
    """Stdlib: 49 KB took 2.8 s."""
    segments = b"".join(b"; x*%d*=utf-8''%%41" % number for number in range(size // 17))
    return b"Content-Type: text/plain" + segments + b"\r\n\r\n"


def to_list(size: int) -> bytes:
    """Stdlib: 209 KB took 3.9 s."""
    return b"To: " + b", ".join([b'"A, B" <someone@example.com>'] * (size // 30)) + b"\r\n\r\n"


def encoded_words(size: int) -> bytes:
    """Stdlib: 140 KB took 1.6 s."""
    return b"Subject: " + b" ".join([b"=?utf-8?q?=C3=A9?="] * (size // 19)) + b"\r\n\r\n"


def nested_messages(size: int) -> bytes:
    """Stdlib: 33 KB, 1,000 levels, ended in RecursionError; so does any reader that calls itself."""
    return b"Content-Type: message/rfc822\r\n\r\n" * (size // 32) + b"x"


def nested_multiparts(size: int) -> bytes:
    """Dovecot CVE-2020-12100."""
    levels = size // 60
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(levels)
    )


def nested_mixture(size: int) -> bytes:
    level = b"Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n"
    return b"".join(level % (number, number) for number in range(size // 90))


def parentheses(size: int) -> bytes:
    """Stdlib: 1,000 in an address ended in RecursionError."""
    return b"From: a@b " + b"(" * size + b"\r\nDate: " + b"(" * size + b"\r\n\r\n"


def many_parts(size: int) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * (size // 7)


def many_fields(size: int) -> bytes:
    """Dovecot CVE-2024-23184."""
    return b"A: b\r\n" * (size // 6) + b"\r\n"


def folded_field(size: int) -> bytes:
    return b"Subject: x" + b"\r\n " * (size // 3) + b"\r\n\r\n"


def half_boundaries(size: int) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + b"--bb\r\n" * (size // 6)


def html_tags(size: int) -> bytes:
    """Stdlib html.parser: 60 KB took 13.5 s."""
    return b"Content-Type: text/html\r\n\r\n" + b'<a x="' * (size // 6)


def html_comments(size: int) -> bytes:
    """Stdlib html.parser: 160 KB took 29 s."""
    return b"Content-Type: text/html\r\n\r\n" + b"<!--" * (size // 4)


def combining_marks(size: int) -> bytes:
    """NFKC of 80,000 marks took 5.3 s."""
    return b"Subject: a" + "\u0300\u0316".encode() * (size // 4) + b"\r\n\r\n"


def many_references(size: int) -> bytes:
    return b"References: " + b"<a@b> " * (size // 6) + b"\r\n\r\n"


def quotes(size: int) -> bytes:
    return (
        b'From: "'
        + b'\\"<@' * (size // 4)
        + b"\r\nContent-Disposition: a"
        + b';a="\\' * (size // 5)
        + b"\r\n\r\n"
    )


def angle_commas(size: int) -> bytes:
    return (
        b"From: <"
        + b"a " * (size // 4)
        + b"," * (size // 4)
        + b"\r\nTo: <@"
        + b"a:," * (size // 6)
        + b"\r\n\r\n"
    )


def colons_behind_an_address(size: int) -> bytes:
    return b"From: " + b"a " * (size // 4) + b"@" + b":" * (size // 4) + b";" * (size // 4) + b"\r\n\r\n"


def sibling_multiparts(size: int) -> bytes:
    child = b"--o\r\nContent-Type: multipart/mixed; boundary=never\r\n\r\n\r\n"
    return b"Content-Type: multipart/mixed; boundary=o\r\n\r\n" + child * (size // len(child))


BOMBS: list[Callable[[int], bytes]] = [
    parameters, to_list, encoded_words, nested_messages, nested_multiparts, nested_mixture, parentheses,
    many_parts, many_fields, folded_field, half_boundaries, html_tags, html_comments, combining_marks,
    many_references, quotes, angle_commas, colons_behind_an_address, sibling_multiparts,
]  # fmt: skip
