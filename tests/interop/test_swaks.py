"""Debian's swaks as a client of every door: receiving, submission, LMTP, behind a balancer and a filter."""

import subprocess

import pytest
from tests.support.family import PASSWORD, Family

pytestmark = pytest.mark.slow

AWAY = "c@remote.test"


def swaks(family: Family, door: str, *arguments: str, to: str = "", good: bool = True) -> str:
    """Run it; gives the whole conversation."""
    done = subprocess.run(
        [
            "swaks",
            *("--server", f"127.0.0.1:{family.ports[door]}", "--helo", "client.remote.test"),
            *("--to", to or family.address("anna")),
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert (done.returncode == 0) is good, said
    return said


def replies(said: str) -> list[str]:
    """The codes of all replies."""
    return [
        line[4:7]
        for line in said.splitlines()
        if line[:4] in {"<-  ", "<** ", "<~  ", "<~* "} and line[7:8] == " "
    ]


@pytest.mark.parametrize(
    "ways", [(), ("-tls",), ("--pipeline",), ("-tls", "--pipeline"), ("--protocol", "SMTP")]
)
def test_mail_comes_in_by_the_receiving_port(family: Family, ways: tuple[str, ...]) -> None:
    """RFC 5321, RFC 3207, RFC 2920; the last one says HELO."""
    said = swaks(family, "smtp", "--from", AWAY, *ways)
    assert ("TLS started" in said) is ("-tls" in ways)
    assert replies(said)[-2:] == ["250", "221"]


def test_a_stranger_gets_no_further(family: Family) -> None:
    """S13 of docs/develop/threats.md: relaying, submission without a sign-in, LMTP to elsewhere."""
    for door, extra, code in (
        ("smtp", (), "550"),
        ("submission", ("-tls",), "530"),
        ("submissions", ("--tls-on-connect",), "530"),
        ("lmtp", ("--protocol", "LMTP"), "550"),
        ("proxied", ("--proxy-version", "2", "--proxy-family", "AF_INET", *PROXY), "550"),
        ("filtered", ("--xclient-addr", "127.0.0.9"), "550"),
    ):
        said = swaks(family, door, "--from", AWAY, *extra, to="d@elsewhere.test", good=False)
        assert f"<** {code}" in said or f"<~* {code}" in said, said


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize(("door", "tls"), [("submission", "-tls"), ("submissions", "--tls-on-connect")])
@pytest.mark.parametrize("pipelined", [False, True])
def test_mail_is_submitted(family: Family, mechanism: str, door: str, tls: str, pipelined: bool) -> None:
    """RFC 6409, RFC 8314 section 3.3, RFC 4616; swaks knows no other mechanism that we have."""
    sign_in = ("--auth", mechanism, "--auth-user", family.address("ben"), "--auth-password", PASSWORD)
    more = ("--pipeline",) if pipelined else ()
    said = swaks(family, door, tls, *sign_in, *more, "--from", family.address("ben"))
    assert "235" in replies(said)


@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "DIGEST-MD5", "NTLM"])
def test_mechanisms_that_are_not_offered_are_not_used(family: Family, mechanism: str) -> None:
    """RFC 4954 section 3."""
    sign_in = ("--auth", mechanism, "--auth-user", family.address("ben"), "--auth-password", PASSWORD)
    swaks(family, "submission", "-tls", *sign_in, "--from", family.address("ben"), good=False)


@pytest.mark.parametrize("pipelined", [False, True])
def test_mail_is_handed_over_by_lmtp(family: Family, pipelined: bool) -> None:
    """RFC 2033: a reply for each of two recipients."""
    both = f"{family.address('anna')},{family.address('ben')}"
    more = ("--pipeline",) if pipelined else ()
    said = swaks(family, "lmtp", "--protocol", "LMTP", "--from", AWAY, *more, to=both)
    assert "LHLO" in said
    assert replies(said)[-2:] == ["250", "221"]


PROXY = (
    "--proxy-source",
    "127.0.0.9",
    "--proxy-source-port",
    "4711",
    "--proxy-dest",
    "127.0.0.1",
    "--proxy-dest-port",
    "25",
)


@pytest.mark.parametrize(
    "header",
    [
        ("--proxy-version", "1", "--proxy-family", "TCP4"),
        (
            "--proxy-version",
            "2",
            "--proxy-family",
            "AF_INET",
            "--proxy-protocol",
            "STREAM",
            "--proxy-command",
            "PROXY",
        ),
    ],
    ids=["1", "2"],
)
def test_a_balancer_says_who_the_client_is(family: Family, header: tuple[str, ...]) -> None:
    """The PROXY protocol, versions 1 and 2."""
    subject = f"proxied {header[1]}"
    swaks(family, "proxied", "--from", AWAY, *header, *PROXY, "--header", f"Subject: {subject}")
    assert "[127.0.0.9]" in message(family, subject)


def test_a_filter_says_who_the_client_is(family: Family) -> None:
    """XCLIENT, which swaks sends where it is offered."""
    names = ("--xclient-addr", "127.0.0.10", "--xclient-name", "spike.remote.test")
    swaks(family, "filtered", "--from", AWAY, *names, "--header", "Subject: filtered")
    text = message(family, "filtered")
    assert "[127.0.0.10]" in text
    assert "spike.remote.test" in text
    assert "XCLIENT" in swaks(family, "smtp", "--from", AWAY, *names, good=False)


def message(family: Family, subject: str) -> str:
    """The newest mail of anna's with a subject, asked for with curl."""
    login = ("--silent", "--user", f"{family.address('anna')}:{PASSWORD}")
    base = f"imap://127.0.0.1:{family.ports['imap']}/INBOX"

    def curl(url: str) -> str:
        return subprocess.run(
            ["curl", *login, url], capture_output=True, text=True, check=True, timeout=30
        ).stdout

    number = curl(f"{base}?SUBJECT%20%22{subject.replace(' ', '%20')}%22").split()[-1]
    return curl(f"{base};MAILINDEX={number}")
