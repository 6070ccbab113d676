from tests.support.imap_client import one_account

from pymailcore.directory.sign_in import SignIn
from pymailcore.imap.services import Hub
from pymailcore.runtime.hub import ChangeHub


def test_the_real_things_fit() -> None:
    """Checked by mypy: the change hub and the test's directory have the shape that IMAP needs."""
    hub: Hub = ChangeHub()
    directory: SignIn = one_account()
    assert hub.current(1) == 0
    assert directory
