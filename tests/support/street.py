"""Our server and its neighbours: a second one of ours, Postfix, Exim, OpenSMTPD, and Dovecot by LMTP."""

import contextlib
import imaplib
import json
import smtplib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner
from tests.support import mail_peers, mails, postfix
from tests.support.family import PASSWORD, Family, free_port, unverified_tls
from tests.support.mail_peers import Peer
from tests.support.sending_scene import route

from pymailcore.cli.main import cli
from pymailcore.testing.server import MailServer

NAMES = ("exim", "opensmtpd", "dovecot", "postfix")
OTHER = "other.test"
GONE = "gone.test"


def own(subject: str, body: bytes | None = None) -> bytes:
    """A message of anna's; with a body of eight bits instead of the usual text."""
    message = mails.plain(subject).replace(b"carla@remote.test", b"anna@example.test")
    if body is None:
        return message
    return message.partition(b"\r\n\r\n")[0].replace(b"7bit", b"8bit") + b"\r\n\r\n" + body


def submit(
    family: Family, octets: bytes, *recipients: str, mail: Sequence[str] = (), rcpt: Sequence[str] = ()
) -> None:
    """Send as anna.

    Args:
        mail: further parameters of MAIL.
        rcpt: those of each RCPT.
    """
    with smtplib.SMTP_SSL(
        "127.0.0.1", family.ports["submissions"], "client.test", context=unverified_tls()
    ) as client:
        client.login(family.address("anna"), PASSWORD)
        client.sendmail(family.address("anna"), list(recipients), octets, mail, rcpt)


@dataclass
class Street:
    """Mail for `<name>.test` goes to the neighbours, what they relay comes to us.

    Attributes:
        place: a folder with a short path that everybody may enter.
        ports: where the neighbours will listen, by name.
        lmtp: where we take mail by LMTP: a socket with a path, and a port.
        peers: those that run.
    """

    place: Path
    family: Family
    other: MailServer
    ports: dict[str, int]
    lmtp: tuple[Path, int]
    peers: dict[str, Peer] = field(default_factory=dict)

    def inbox(self, name: str = "anna") -> list[bytes]:
        """What somebody has got."""
        with imaplib.IMAP4("127.0.0.1", self.family.ports["imap"]) as client:
            client.login(self.family.address(name), PASSWORD)
            if client.select("INBOX", readonly=True)[1] == [b"0"]:
                return []
            _, data = client.fetch("1:*", "(BODY.PEEK[])")
            return [entry[1] for entry in data if isinstance(entry, tuple)]

    def waiting(self) -> list[dict[str, object]]:
        """What is in the queue."""
        return list(json.loads(self.command("queue", "list", "--json")))

    def command(self, *arguments: str) -> str:
        """Run a command on the installation, in this process."""
        result = CliRunner().invoke(cli, ["--config", str(self.family.config), *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout


@contextlib.contextmanager
def our_own(folder: Path) -> Iterator[Street]:
    """Our two servers, with routes to where the neighbours will be."""
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="street-")))
        place.chmod(0o755)
        other = stack.enter_context(MailServer(domain=OTHER, hostname="mx.other.test"))
        other.add_account("ben", PASSWORD)
        ports = {name: free_port() for name in NAMES}
        lmtp = (place / "lmtp", free_port())
        listeners = "".join(
            f'\n[[listener]]\nprotocol = "lmtp"\nbind = "{bind}"\ntls = "none"\n'
            for bind in (f"unix:{lmtp[0]}", f"127.0.0.1:{lmtp[1]}")
        )
        routes = route(OTHER, other.ports["smtp"]) + route(GONE, free_port())
        routes += "".join(route(f"{name}.test", ports[name]) for name in NAMES if name != "dovecot")
        routes += '[[route]]\ndomain = "dovecot.test"\nprotocol = "lmtp"\n'
        routes += f'host = "unix:{place / "dovecot" / "lmtp"}"\n'
        family = Family(folder, extra="\n" + routes + listeners)
        stack.enter_context(family)
        yield Street(place, family, other, ports, lmtp)


@contextlib.contextmanager
def neighbours(street: Street) -> Iterator[None]:
    """Start all of them; needs root."""
    relay_port = street.family.ports["smtp"]
    by_lmtp = f"transport_maps = inline:{{{street.family.address('ben')}=lmtp:unix:{street.lmtp[0]}}}\n"

    @contextlib.contextmanager
    def start(name: str) -> Iterator[Peer]:
        folder, port, domain = street.place / name, street.ports[name], f"{name}.test"
        if name == "postfix":
            with postfix.running(
                folder, domain=domain, relay_port=relay_port, settings=by_lmtp, port=port
            ) as (_, box):
                yield Peer(port, box, folder / "none")
        else:
            with mail_peers.running(name, folder, domain=domain, relay_port=relay_port, port=port) as peer:
                yield peer

    with contextlib.ExitStack() as stack:
        for name in NAMES:
            street.peers[name] = stack.enter_context(start(name))
        yield
