"""Faults are all told at once, each with its path; see STYLE 3.7."""

from pathlib import Path

import pytest

from pymailcore.config.read import BadConfiguration, read_file, read_text

GOOD = """
hostname = "mx.example.org"
data = "data"

[[listener]]
protocol = "smtp"
bind = "127.0.0.1:0"
"""


def faults_of(text: str) -> list[str]:
    with pytest.raises(BadConfiguration) as caught:
        read_text(text, Path("/srv/mail"))
    return caught.value.faults


def test_a_small_configuration_has_every_default() -> None:
    configuration = read_text(GOOD, Path("/srv/mail"))
    assert configuration.data == Path("/srv/mail/data")
    assert configuration.store.data == Path("/srv/mail/data")
    assert configuration.hub_path == Path("/srv/mail/data/run/hub.sock")
    assert configuration.listeners[0].tls == "starttls"
    assert configuration.listeners[0].address == ("127.0.0.1", 0)
    assert configuration.processes == 0
    assert configuration.text == GOOD


def test_all_faults_are_told_at_once_with_their_paths() -> None:
    text = """
    hostnam = "mx.example.org"
    processes = -1
    [log]
    level = "loud"
    [store]
    readers = "many"
    redears = 3
    [tls]
    key = "k.pem"
    [[route]]
    domain = "*"
    [[listener]]
    protocol = "pop3"
    bind = "127.0.0.1:110"
    [[listener]]
    protocol = "imap"
    bind = "localhost:143"
    tls = true
    """
    assert faults_of(text) == [
        "tls.key: there is a key but no certificate",
        "store.readers: must be a whole number, not 'many'",
        "store.redears: unknown key; did you mean 'readers'?",
        "log.level: must be one of debug, info, warning, error",
        "listener[0].protocol: pop3 is not available in this version",
        "listener[1].tls: must be one of none, starttls, implicit, not true",
        "listener[1].bind: 'localhost' is no IP address; names are not looked up here",
        "route[0].host: is missing",
        "hostnam: unknown key; did you mean 'hostname'?",
        "hostname: is missing",
        "data: is missing",
    ]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("mx.example.org", "not a name"), "hostname: 'not a name' is no host name"),
        (('"data"', "5"), "data: must be a path in quotes, not 5"),
        (
            ("127.0.0.1:0", "25"),
            'listener[0].bind: must be "address:port", for example "127.0.0.1:25" or "[::]:25"',
        ),
        (('"smtp"', '"smpt"'), "listener[0].protocol: must be one of smtp, submission, lmtp, imap, http"),
        (('"smtp"', '"pop3"'), "listener[0].protocol: pop3 is not available in this version"),
        (('"smtp"', '"managesieve"'), "listener[0].protocol: managesieve is not available in this version"),
        (('"smtp"', '"http"\ntls = "starttls"'), 'listener[0].tls: must be "implicit" or "none" for http'),
        (
            ('"smtp"', '"smtp"\ntls = "maybe"'),
            "listener[0].tls: must be one of none, starttls, implicit, not 'maybe'",
        ),
        (("data =", "processes = 257\ndata ="), "processes: must be from 0 to 256"),
        (("data =", "processes = true\ndata ="), "processes: must be a whole number, not true"),
        (("data =", "smtp = 5\ndata ="), "smtp: must be a table, written [smtp]"),
        (("data =", "route = 5\ndata ="), "route: must be a list of tables, written [[route]]"),
        (("[[listener]]", "[listener]"), "listener: must be a list of tables, written [[listener]]"),
        (("[[listener]]", "[listenr]"), "listener: there is none; a server needs at least one [[listener]]"),
        (
            ("[[listener]]", '[connections]\ntrusted_networks = ["10.0.0.0/8", 7]\n[[listener]]'),
            "connections.trusted_networks[1]: must be text in quotes, not 7",
        ),
        (
            ("[[listener]]", '[connections]\ntrusted_networks = "all"\n[[listener]]'),
            "connections.trusted_networks: must be a list, not 'all'",
        ),
        (
            ("[[listener]]", "[imap]\nidle_seconds = [1]\n[[listener]]"),
            "imap.idle_seconds: must be a number, not a list",
        ),
    ],
)
def test_one_fault_is_one_line(change: tuple[str, str], fault: str) -> None:
    assert fault in faults_of(GOOD.replace(*change))


def test_plaintext_login_is_for_loopback_only() -> None:
    plain = GOOD.replace('"smtp"', '"imap"\nplaintext_login = true')
    assert read_text(plain, Path("/")).listeners[0].plaintext_login
    assert read_text(plain.replace("127.0.0.1", "[::1]"), Path("/")).listeners[0].plaintext_login
    for bind in ("0.0.0.0:143", ":143", "192.0.2.1:143"):
        assert faults_of(plain.replace("127.0.0.1:0", bind)) == [
            "listener[0].plaintext_login: only a listener on a loopback address may have it"
        ]


def test_certificates_of_clients_need_somebody_who_signs_them() -> None:
    asking = GOOD.replace('"smtp"', '"imap"\nclient_certificates = "optional"')
    assert faults_of(asking) == ["listener[0].client_certificates: needs tls.client_authorities"]
    authorities = '[tls]\nclient_authorities = "ca.pem"\n'
    read = read_text(asking + authorities, Path("/"))
    assert read.listeners[0].client_certificates == "optional"
    assert read.tls.client_authorities == Path("/ca.pem")


@pytest.mark.parametrize("words", ['"smtp"', '"http"\ntls = "implicit"', '"imap"\ntls = "none"'])
def test_only_listeners_with_tls_and_logins_ask_for_certificates(words: str) -> None:
    asking = GOOD.replace('"smtp"', f'{words}\nclient_certificates = "required"')
    assert faults_of(asking)[0] == (
        "listener[0].client_certificates: only imap and submission with TLS can have it"
    )


def test_an_unknown_mechanism_is_named() -> None:
    assert faults_of(GOOD + '[sasl]\nmechanisms = ["CRAM-MD5"]\n')[0].startswith(
        "sasl.mechanisms: 'CRAM-MD5' is none of "
    )


def test_two_listeners_cannot_have_one_port() -> None:
    one = '[[listener]]\nprotocol = "imap"\nbind = "127.0.0.1:143"\n'
    assert faults_of(GOOD + one + one) == [
        "listener[2].bind: 127.0.0.1:143 is used by listener[1].bind already"
    ]
    metrics = '[metrics]\nbind = "127.0.0.1:143"\n'
    assert faults_of(GOOD + one + metrics) == [
        "metrics.bind: 127.0.0.1:143 is used by listener[1].bind already"
    ]
    assert len(read_text(GOOD + GOOD[GOOD.index("[[") :], Path("/")).listeners) == 2, "any free port, twice"


def test_whole_numbers_are_numbers_too() -> None:
    text = GOOD.replace("[[listener]]", "[imap]\nidle_seconds = 90\n[[listener]]")
    assert read_text(text, Path("/")).imap.idle_seconds == 90.0


def test_text_that_is_no_toml_is_told_by_its_place() -> None:
    assert "line 2" in faults_of("a = 1\nb = x")[0]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(BadConfiguration, match=r"none\.toml: No such file or directory"):
        read_file(path)
    path.write_bytes(b"\xff")
    with pytest.raises(BadConfiguration, match="is not UTF-8 text"):
        read_file(path)
    path.write_text('hostname = "mx.example.org"')
    with pytest.raises(BadConfiguration) as caught:
        read_file(path)
    assert all(fault.startswith(f"{path}: ") for fault in caught.value.faults)


def test_the_text_is_not_part_of_what_is_shown() -> None:
    assert "[[listener]]" not in repr(read_text(GOOD, Path("/")))


UNIX = GOOD.replace('"smtp"', '"lmtp"').replace("127.0.0.1:0", "unix:/run/lmtp")


def test_lmtp_can_be_on_a_unix_socket() -> None:
    """Its networks are those of this machine, unless they are named."""
    (listener,) = read_text(UNIX, Path("/")).listeners
    assert (listener.path, listener.name) == (Path("/run/lmtp"), "lmtp-unix")
    assert [str(network) for network in listener.networks] == ["127.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (UNIX.replace("lmtp", "smtp"), "listener[0].bind: only lmtp can have a Unix socket"),
        (
            UNIX.replace("unix:/", "unix:"),
            'listener[0].bind: must be "unix:" and an absolute path of at most 107 octets',
        ),
        (UNIX + "xclient = true\n", "listener[0].xclient: only smtp and submission can have it"),
        (UNIX + "repair_line_ends = true\n", "listener[0].repair_line_ends: only submission can have it"),
        (
            UNIX + 'trusted_networks = ["10.0.0.1/8"]\n',
            "listener[0].trusted_networks: 10.0.0.1/8 has host bits set",
        ),
        (
            UNIX + '[[listener]]\nprotocol = "lmtp"\nbind = "unix:/run/lmtp"\n',
            "listener[1].bind: unix:/run/lmtp is used by listener[0].bind already",
        ),
    ],
)
def test_what_does_not_fit_a_unix_socket(text: str, fault: str) -> None:
    assert fault in faults_of(text)
