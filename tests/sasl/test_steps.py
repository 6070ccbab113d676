from pymailcore.sasl.steps import Credentials


def test_passwords_stay_out_of_logs() -> None:
    assert "secret" not in repr(Credentials("tim", "", "secret"))
