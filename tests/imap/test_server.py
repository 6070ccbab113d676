import contextlib
import imaplib
import re
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
import trio
from tests.support import mails
from tests.support.imap_client import PASSWORD, USER, ImapWorld, unverified_tls
from tests.support.mbsync import mbsync_settings
from tests.support.party_spy import parties_of, reaches_of, turns_of

from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.base.parties import party_of
from pymailcore.base.reach import Reach
from pymailcore.imap.settings import ImapSettings


def blocking_session(client: imaplib.IMAP4) -> None:
    """What an ordinary program does, in a thread."""
    client.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}".encode())
    assert client.create("Work")[0] == "OK"
    assert any(b"Work" in line for line in client.list()[1] if isinstance(line, bytes))
    kind, data = client.append("Work", r"(\Seen)", "", mails.picture())
    assert kind == "OK"
    assert b"APPENDUID" in data[0]
    assert client.append("Work", "", "", mails.plain())[0] == "OK"
    assert client.select("Work")[1] == [b"2"]
    _, fetched = client.fetch("1:2", "(UID BODY.PEEK[])")
    assert [part[1] for part in fetched if isinstance(part, tuple)] == [mails.picture(), mails.plain()]
    assert client.uid("SEARCH", "UNSEEN")[1] == [b"2"]
    client.literal = "Köln".encode()  # type: ignore[assignment]
    assert client.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT")[1] == [b"1"]
    assert client.store("2", "+FLAGS", r"(\Seen \Deleted)")[0] == "OK"
    assert client.copy("1", "Archive")[0] == "OK"
    assert client.expunge()[1] == [b"2"]
    assert client.select("Work")[1] == [b"1"]
    client.close()
    assert client.delete("Work")[0] == "OK"
    client.logout()


async def test_imaplib_over_implicit_tls(world: ImapWorld) -> None:
    """RFC 8314 section 3.3; the standard library's client, unmodified."""
    port = await world.listen("implicit", plaintext_login=False)

    def run() -> None:
        blocking_session(imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=unverified_tls()))

    await trio.to_thread.run_sync(run)


async def test_imaplib_over_starttls(world: ImapWorld) -> None:
    """RFC 3501 section 6.2.1."""
    port = await world.listen("starttls", plaintext_login=False)

    def run() -> None:
        client = imaplib.IMAP4("127.0.0.1", port)
        assert "LOGINDISABLED" in client.capabilities
        client.starttls(unverified_tls())
        assert "AUTH=PLAIN" in client.capabilities
        blocking_session(client)

    await trio.to_thread.run_sync(run)


async def test_curl_over_implicit_tls(world: ImapWorld) -> None:
    """Another foreign client: list, search, fetch by UID, append."""
    await world.deliver(mails.plain("For curl"))
    port = await world.listen("implicit", plaintext_login=False)
    base = f"imaps://127.0.0.1:{port}/"
    login = ["--insecure", "--silent", "--show-error", "--user", f"{USER}:{PASSWORD}"]

    async def curl(*arguments: str) -> bytes:
        done = await trio.run_process(["curl", *login, *arguments], capture_stdout=True, capture_stderr=True)
        return done.stdout

    assert b"INBOX" in await curl(base)
    assert (await curl(base + "INBOX?SUBJECT%20curl")).strip() == b"* SEARCH 1"
    assert (await curl(base + "INBOX;UID=1")) == mails.plain("For curl")


async def test_what_was_sent_in_clear_behind_starttls_ends_the_connection(world: ImapWorld) -> None:
    """RFC 3501 section 6.2.1, CVE-2011-0411 and its kin: no command crosses the border."""
    async with await world.connect("starttls", plaintext_login=False) as client:
        await client.send(b"a STARTTLS\r\nb LOGIN injected x\r\nc NOOP\r\n")
        assert await client.line() == b"* BYE Octets after STARTTLS"
        assert await client.at_end()
    async with await world.connect("starttls", plaintext_login=False) as client:
        assert (await client.command("STARTTLS")).status == "OK"
        await client.start_tls()
        reply = await client.command("CAPABILITY")
        assert reply.untagged[0].endswith(b"AUTH=PLAIN AUTH=LOGIN")
        assert (await client.command("STARTTLS")).status == "BAD"
        await client.ok(f'LOGIN {USER} "{PASSWORD}"')
    assert world.directory.asked == [("127.0.0.1", "imap")]


async def test_starttls_where_it_is_not_offered(world: ImapWorld) -> None:
    """RFC 3501 section 6.2.1."""
    async with await world.connect("none") as client:
        assert (await client.command("STARTTLS")).status == "BAD"


@pytest.mark.parametrize("octets", [b"a NOOP\r\n", b"GET / HTTP/1.0\r\n\r\n", b""])
async def test_a_handshake_that_fails_ends_the_connection(world: ImapWorld, octets: bytes) -> None:
    """RFC 8314 section 3.3; and a client that says nothing has the time of a login."""
    world.settings = ImapSettings(login_seconds=0.1)
    async with await trio.open_tcp_stream("127.0.0.1", await world.listen("implicit")) as stream:
        await stream.send_all(octets)
        with contextlib.suppress(trio.BrokenResourceError):
            while await stream.receive_some():  # a TLS alert at most
                pass


async def test_tls_below_1_2_is_not_spoken(world: ImapWorld) -> None:
    """RFC 8996 section 4."""
    port = await world.listen("implicit")

    def run() -> None:
        context = unverified_tls()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(ssl.SSLError):
            context.wrap_socket(plain)

    await trio.to_thread.run_sync(run)


async def test_a_stranger_has_a_minute(world: ImapWorld) -> None:
    """DESIGN: 60 s until login; here less."""
    world.settings = ImapSettings(login_seconds=0.05)
    async with await world.connect() as client:
        assert await client.line() == b"* BYE You were silent for too long"
        assert await client.at_end()


async def test_shutting_down_says_so(world: ImapWorld) -> None:
    """RFC 3501 section 7.1.5: idle, waiting and logged out clients are told BYE."""
    async with (
        await world.log_in() as one,
        await world.connect() as two,
        await world.log_in("INBOX") as three,
    ):
        await three.send(b"a IDLE\r\n")
        await three.line()
        world.draining.set()
        for client in (one, two, three):
            assert await client.line() == b"* BYE [UNAVAILABLE] Shutting down"
            assert await client.at_end()


async def test_a_client_that_stops_reading_is_cut_off(world: ImapWorld) -> None:
    """I7: memory for one batch, then the deadline."""
    world.settings = ImapSettings(send_seconds=0.1)
    await world.deliver(b"x" * 2_000_000)
    async with await world.log_in("INBOX") as client:
        await client.send(b"a FETCH 1 BODY.PEEK[]\r\n" * 10)
        await world.ended.wait()
        received = 0
        with contextlib.suppress(trio.BrokenResourceError):
            while octets := await client.stream.receive_some(65_536):
                received += len(octets)
        assert received < 20_000_000


async def test_a_client_that_vanishes_is_an_ordinary_end(world: ImapWorld) -> None:
    """No fault is logged, the next client is served."""
    for half in (
        b"",
        b"a NO",
        b"a APPEND INBOX {5}\r\n",
        b"a APPEND INBOX {5+}\r\nxx",
        b"a FETCH 1:* BODY[]\r\n",
    ):
        client = await world.log_in("INBOX")
        await client.send(half)
        await trio.aclose_forcefully(client.stream)
    async with await world.log_in("INBOX") as client:
        assert await client.ok("SEARCH ALL") == [b"SEARCH"]


async def test_a_command_that_was_sent_whole_is_done_though_the_client_hangs_up(world: ImapWorld) -> None:
    """STYLE 3.5: the outcome of a transaction is never in doubt."""
    async with await world.log_in() as client:
        assert isinstance(client.stream, trio.SocketStream)
        await client.send(b"a APPEND INBOX {1+}\r\nx\r\n")
        await client.stream.send_eof()
        assert (await client.reply(b"a")).status == "OK"


async def test_mbsync_mirrors_a_mailbox(world: ImapWorld, tmp_path: Path) -> None:
    """Another foreign client: both ways, byte for byte but for the X-TUID field that mbsync adds."""
    await world.deliver(mails.plain("For mbsync"))
    await world.deliver(mails.picture())
    port = await world.listen("none")
    maildir = tmp_path / "mail"
    maildir.mkdir()
    settings = tmp_path / "mbsyncrc"
    settings.write_text(mbsync_settings(port, USER, PASSWORD, maildir, "SSLType None"), "utf-8")

    async def mbsync() -> None:
        done = await trio.run_process(
            ["mbsync", "-c", str(settings), "-a"], capture_stdout=True, stderr=subprocess.STDOUT, check=False
        )
        assert done.returncode == 0, done.stdout

    await mbsync()
    near = {
        re.sub(rb"X-TUID: .*\n", b"", path.read_bytes()).replace(b"\n", b"\r\n")
        for path in (maildir / "Inbox").glob("[nc]*/*")
    }
    assert near == {mails.plain("For mbsync"), mails.picture()}
    note = mails.plain("Pushed").replace(b"\r\n", b"\n")
    (maildir / "Archive" / "new" / "1.note").write_bytes(note)
    (seen,) = [path for path in (maildir / "Inbox").glob("[nc]*/*") if b"For mbsync" in path.read_bytes()]
    seen.rename(seen.parent.parent / "cur" / (seen.name.split(":")[0] + ":2,FS"))
    await mbsync()
    async with await world.log_in("INBOX") as client:
        (items,) = await client.fetch("FETCH 1 FLAGS")
        assert items["FLAGS"] == ["\\Seen", "\\Flagged"]
        await client.ok("SELECT Archive")
        (items,) = await client.fetch("FETCH 1 BODY.PEEK[]")
        assert re.sub(rb"X-TUID: .*\n", b"", items["BODY[]"]) == note.replace(b"\n", b"\r\n")


async def test_a_command_that_drips_in_has_no_more_time_than_one_that_comes_whole(world: ImapWorld) -> None:
    """S10: one octet at a time, each well within the deadline."""
    world.settings = ImapSettings(login_seconds=0.3)
    async with await world.connect() as client:
        with contextlib.suppress(trio.BrokenResourceError), trio.fail_after(5):
            while not world.ended.is_set():
                await client.send(b"x")
                with trio.move_on_after(0.02):
                    await world.ended.wait()
        assert world.ended.is_set()


async def test_a_literal_must_keep_up_a_rate(world: ImapWorld) -> None:
    """S10, I1: the octets of an APPEND are held while they come in."""
    world.settings = ImapSettings(idle_seconds=0.3, min_literal_rate_octets=1_000)
    async with await world.log_in() as client:
        await client.send(b"a APPEND INBOX {100000+}\r\n")
        with contextlib.suppress(trio.BrokenResourceError), trio.fail_after(5):
            while not world.ended.is_set():
                await client.send(b"x")
                with trio.move_on_after(0.02):
                    await world.ended.wait()
        assert world.ended.is_set()


async def test_a_connection_works_for_who_has_signed_in(
    world: ImapWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T6: what it waits for is in the turn of the account, and of its tenant."""
    seen, turns = parties_of(monkeypatch, world.store, "prepare"), turns_of(monkeypatch)
    reaches = reaches_of(monkeypatch, world.store, "prepare")
    port = await world.listen("none", plaintext_login=True)

    def run() -> None:
        client = imaplib.IMAP4("127.0.0.1", port)
        client.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}".encode())
        assert client.append("INBOX", "", "", mails.plain())[0] == "OK"
        client.logout()

    await trio.to_thread.run_sync(run)
    assert seen == [party_of(DEFAULT_TENANT, world.directory.account)]
    assert reaches == [Reach(DEFAULT_TENANT, world.directory.account)]
    assert turns == seen * 2  # APPEND, LOGOUT; before the sign-in nobody waits
