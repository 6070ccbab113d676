from tests.support.smtp import FakeRole

from pymailcore.smtp.role import Session, SmtpRole


def test_the_fake_has_the_real_interface() -> None:
    role: SmtpRole = FakeRole()
    conversation = role.begin(Session(connection_id="c1", peer="192.0.2.1", tls=""))
    assert role.way == "mx"
    assert conversation is role
