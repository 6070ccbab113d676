from pymailcore.smtp.protocol import reply
from pymailcore.smtp.protocol.reply import Reply


def test_replies_have_their_form_on_the_wire() -> None:
    """RFC 5321 section 4.2.1, RFC 2034 section 4."""
    assert Reply(250, "2.1.0", "OK").encode() == b"250 2.1.0 OK\r\n"
    assert Reply(354, "", "Go").encode() == b"354 Go\r\n"
    assert Reply(250, "", "a\nb c\nd").encode() == b"250-a\r\n250-b c\r\n250 d\r\n"
    assert Reply(550, "5.1.1", "a\nb").encode() == b"550-5.1.1 a\r\n550 5.1.1 b\r\n"


def test_replies_know_their_class() -> None:
    """RFC 5321 section 4.2.1."""
    kinds = [(r.positive, r.temporary, r.permanent) for r in (reply.OK, reply.NO_MEMORY, reply.TOO_LARGE)]
    assert kinds == [(True, False, False), (False, True, False), (False, False, True)]
    assert reply.START_MAIL_DATA.positive


def test_the_form_for_logs_is_one_line() -> None:
    assert str(Reply(250, "", "a\nb")) == "250 a b"


def test_enhanced_codes_agree_with_codes() -> None:
    """RFC 2034 section 4: the first digits are equal; none with 3yz."""
    constants = [value for value in vars(reply).values() if isinstance(value, Reply)]
    assert len(constants) > 30
    for constant in constants:
        assert 200 <= constant.code < 600
        assert "\r" not in constant.text
        if constant.code == 354:
            assert constant.enhanced == ""
        else:
            assert constant.enhanced[0] == str(constant.code)[0]
            assert len(constant.enhanced.split(".")) == 3
