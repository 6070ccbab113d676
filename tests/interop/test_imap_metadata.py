"""GETMETADATA and SETMETADATA beside Debian's Dovecot: the same commands, the same values."""

import re
from pathlib import Path

import pytest
import trio
from tests.support import dovecot
from tests.support.imap_client import ImapClient, imap_world

from pymailcore.runtime.certificates import load_material
from pymailcore.runtime.settings import TlsSettings
from pymailcore.runtime.tls import TlsContexts

SETTINGS = """
mail_attribute_dict = file:{folder}/attributes
protocol imap {{
  imap_metadata = yes
}}
"""
COMMANDS = [
    'GETMETADATA "" (/shared/comment /private/x)',
    'SETMETADATA INBOX (/private/comment "My own" /shared/comment "Its \\\\sunny")',
    "GETMETADATA INBOX (/shared/comment /private/comment)",
    "GETMETADATA INBOX /shared/comment",
    "GETMETADATA (MAXSIZE 6) INBOX (/shared/comment /private/comment)",
    "GETMETADATA (MAXSIZE 5) INBOX (/shared/comment /private/comment)",
    "SETMETADATA INBOX (/private/vendor/x/y {4+}\r\na\r\nb)",
    "GETMETADATA (DEPTH 1) INBOX /private/vendor",
    "GETMETADATA (DEPTH infinity) INBOX /private/vendor",
    "GETMETADATA (DEPTH 1) INBOX /private/none",
    "GETMETADATA INBOX /private/none",
    "SETMETADATA INBOX (/private/empty \"\")",
    "GETMETADATA INBOX /private/empty",
    "SETMETADATA INBOX (/private/empty NIL /private/comment NIL)",
    "GETMETADATA INBOX (/private/empty /private/comment)",
    *[f'SETMETADATA INBOX ({name} "1")' for name in ("/private//y", "/private/y/", "/other/y", "a")],
    'SETMETADATA INBOX ("/private/a*" "1")',
    'SETMETADATA "" (/private/vendor/x/y "server")',
    'GETMETADATA "" (/private/vendor/x/y)',
    "GETMETADATA none /private/y",
    "CREATE box",
    'SETMETADATA box (/private/comment "1")',
    "RENAME box boy",
    "GETMETADATA boy /private/comment",
    "DELETE boy",
    "CREATE boy",
    "GETMETADATA boy /private/comment",
]  # fmt: skip


def as_literals(line: bytes) -> bytes:
    """Write quoted values as literals: a server may choose."""

    def literal(match: re.Match[bytes]) -> bytes:
        octets = re.sub(rb"\\(.)", rb"\1", match[1])
        return b" {%d}\r\n%b" % (len(octets), octets)

    return re.sub(rb' "((?:[^"\\]|\\.)*)"(?= |\))', literal, line)


@pytest.mark.slow
async def test_values_are_those_of_dovecot(tmp_path: Path) -> None:
    """RFC 5464 sections 3.2, 4.1, 4.2 and 4.3."""
    tls = TlsContexts(load_material(TlsSettings(), tmp_path, "imap.example.test"))
    differ = {}
    with dovecot.running(tmp_path / "dovecot", settings=SETTINGS) as server:
        theirs = ImapClient(await trio.open_tcp_stream("127.0.0.1", server.port))
        async with imap_world(tmp_path / "ours", tls) as world, theirs, await world.log_in() as ours:
            await theirs.line()
            for command in COMMANDS:
                replies = await ours.command(command), await theirs.command(command)
                one, other = (
                    (
                        reply.status,
                        re.findall(r"LONGENTRIES \d+", reply.code),
                        [*map(as_literals, reply.untagged)],
                    )
                    for reply in replies
                )
                if one != other:
                    differ[command] = (one, other)
    assert differ == {}
