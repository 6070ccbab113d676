"""GNU SASL's own client, and Python's, log in at a whole server with the real directory."""

import imaplib
import smtplib
import subprocess
from collections.abc import Iterator

import pytest
from tests.support import peers
from tests.support.family import unverified_tls

from pymailcore.testing.server import MailServer

pytestmark = pytest.mark.slow

NAME, PASSWORD = "anna", "correct, horse = bättery"


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    """A server with one account."""
    with MailServer(
        settings='[sasl]\nmechanisms = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"]\n'
    ) as it:
        it.add_account(NAME, PASSWORD)
        yield it


def gsasl(server: MailServer, protocol: str, mechanism: str, password: str = PASSWORD) -> tuple[int, str]:
    """Log in over STARTTLS; gives the exit status and what was said."""
    where = {"imap": "imap", "smtp": "submission"}[protocol]
    command = [
        str(peers.unpacked("gsasl") / "usr" / "bin" / "gsasl"),
        f"--{protocol}",
        f"--mechanism={mechanism}",
        f"--connect=127.0.0.1:{server.ports[where]}",
        f"--authentication-id={NAME}@{server.domain}",
        f"--password={password}",
        "--starttls",
        "--x509-ca-file=",
        "--verbose",
    ]
    if not mechanism.endswith("-PLUS"):
        command.append("--no-cb")  # it refuses to do without where it could bind
    ended = subprocess.run(
        command,
        capture_output=True,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
        env=peers.environment("gsasl") | {"LC_ALL": "C.UTF-8"},
    )
    return ended.returncode, (ended.stdout + ended.stderr).decode("utf-8", "replace")


@pytest.mark.parametrize("protocol", ["imap", "smtp"])
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"])
def test_gsasl_logs_in(server: MailServer, protocol: str, mechanism: str) -> None:
    """RFC 5802, RFC 7677, RFC 9266 (tls-exporter is what gsasl binds with in TLS 1.3)."""
    status, said = gsasl(server, protocol, mechanism)
    assert status == 0, said
    if mechanism == "SCRAM-SHA-256-PLUS":
        assert "cD10bHMtZXhwb3J0ZXIs" in said  # p=tls-exporter, in base64


@pytest.mark.parametrize("protocol", ["imap", "smtp"])
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256-PLUS", "PLAIN"])
def test_gsasl_is_refused_with_a_wrong_password(server: MailServer, protocol: str, mechanism: str) -> None:
    """RFC 5802 section 7."""
    status, said = gsasl(server, protocol, mechanism, "wrong password")
    assert status != 0, said


def test_what_is_switched_off_is_not_there(server: MailServer) -> None:
    """SCRAM-SHA-1 has to be asked for by the operator."""
    assert gsasl(server, "imap", "SCRAM-SHA-1")[0] != 0


def test_python_logs_in(server: MailServer) -> None:
    """RFC 4616, RFC 4954, RFC 3501 section 6.2.3."""
    name = f"ben@{server.domain}"
    server.add_account("ben", "correct horse")
    context = unverified_tls()
    for mechanism in ("PLAIN", "LOGIN"):
        with smtplib.SMTP_SSL("127.0.0.1", server.ports["submissions"], context=context) as sender:
            sender.ehlo()
            sender.esmtp_features["auth"] = mechanism  # its login takes the first that it knows of these
            assert sender.login(name, "correct horse")[0] == 235
    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=context) as reader:
        response = f"\0{name}\0correct horse".encode()
        assert reader.authenticate("PLAIN", lambda _: response)[0] == "OK"
    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=context) as reader:
        assert reader.login(name, "correct horse")[0] == "OK"
