from pathlib import Path

import pytest
import trio
from tests.support import dialogue
from tests.support.imap_client import PASSWORD, USER, ImapClient, ImapWorld

FOLDER = Path(__file__).parent.parent / "dialogues" / "imap"
FILES = sorted(FOLDER.glob("*.txt"))


async def play(client: ImapClient, script: dialogue.Dialogue, cut: int) -> None:
    """Send in pieces and compare the beginning of each response; all of them must be in the transcript."""
    last = b""
    for step in script.steps:
        where = f"{script.name}, line {step.number}: {step.octets!r}"
        match step.kind:
            case "send":
                for start in range(0, len(step.octets), cut or len(step.octets)):
                    await client.send(step.octets[start : start + (cut or len(step.octets))])
            case "reply":
                last = await client.line()
                assert last.startswith(step.octets), f"{where}: {last!r} came"
            case "until":
                while not last.startswith(step.octets):
                    last = await client.line()
            case "has":
                assert step.octets in last, f"{where}: not in {last!r}"
            case "closed":
                assert await client.at_end(), where
            case _:
                raise AssertionError(f"{where}: not for a server behind a socket")


@pytest.mark.parametrize("cut", [0, 7])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_the_server_follows_the_transcript(world: ImapWorld, path: Path, cut: int) -> None:
    """RFC 3501 section 2.2; each file names its own sections."""
    script = dialogue.load(path)
    client = await world.connect()
    async with client:
        if "login" in script.words:
            await client.ok(f'LOGIN {USER} "{PASSWORD}"')
        else:
            client.unread(client.greeting)
        with trio.fail_after(10):
            await play(client, script, cut)


def test_there_are_transcripts() -> None:
    assert len(FILES) >= 14
