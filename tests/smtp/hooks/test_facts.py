"""What plug-ins see of a message."""

from tests.support.smtp import DIGEST

from pymailcore.message.headers import EmailAddress
from pymailcore.smtp.hooks import Message

OCTETS = (
    b"Subject: first\r\nFrom: A <a@x.example>,\r\n b@x.example\r\nX-Word: one\r\nx-word: two\r\n"
    b"Subject: =?utf-8?q?gr=C3=BCn?=\r\n and more\r\n\r\nSubject: body\r\n"
)


def test_fields_are_decoded_and_the_last_of_a_name_counts() -> None:
    """RFC 2047; RFC 8621 section 4.1.3."""
    message = Message.read(OCTETS, DIGEST)
    assert message.subject == "grün and more"
    assert message.texts("subject") == ("first", "grün and more")
    assert message.texts("X-Word") == ("one", "two")
    assert message.senders == (EmailAddress("A", "a@x.example"), EmailAddress(None, "b@x.example"))
    assert (message.octets, message.digest) == (OCTETS, DIGEST)


def test_what_is_not_there_is_empty() -> None:
    message = Message.read(b"\r\nSubject: body\r\n", DIGEST)
    assert (message.subject, message.texts("Subject"), message.senders, message.fields) == ("", (), (), ())
    assert Message.read(b"", DIGEST).subject == ""
