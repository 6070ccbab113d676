from tests.support.smtp import FakeRole

from pymailcore.smtp.role import Session, SmtpRole


def test_the_fake_has_the_real_interface() -> None:
    role: SmtpRole = FakeRole()
    assert isinstance(role.begin(Session(connection_id="c1", peer="192.0.2.1", tls="")), FakeRole)
    assert role.way == "mx"
