import socket
from pathlib import Path

import pytest

from pymailcore.app.startup import CannotStart, complaint, ready_line, take_hold
from pymailcore.base.errors import TemporaryFailure
from pymailcore.config.configuration import Configuration
from pymailcore.config.read import BadConfiguration, read_text


def configuration(folder: Path, *, more: str = "", bind: str = "127.0.0.1:0") -> Configuration:
    (folder / "data").mkdir(exist_ok=True)
    more += "" if "[metrics]" in more else '\n[metrics]\nbind = ""\n'
    return read_text(
        f'hostname = "mx.test"\ndata = "data"\n{more}\n[[listener]]\nprotocol = "imap"\nbind = "{bind}"\n',
        folder,
    )


def test_what_is_held_is_let_go_of(tmp_path: Path) -> None:
    for _ in range(2):
        held = take_hold(configuration(tmp_path, more='[metrics]\nbind = "127.0.0.1:0"'))
        line = ready_line(configuration(tmp_path), held)
        ports = [sock.getsockname()[1] for sock in (held.sockets[0], held.metrics_socket) if sock is not None]
        assert line == f"ready: imap 127.0.0.1:{ports[0]}, metrics 127.0.0.1:{ports[1]}\n"
        held.close()


def test_every_address_is_ipv4_and_ipv6(tmp_path: Path) -> None:
    held = take_hold(configuration(tmp_path, bind=":0"))
    port = held.sockets[0].getsockname()[1]
    for host in ("127.0.0.1", "::1"):
        socket.create_connection((host, port)).close()
    held.close()


def test_a_port_in_use_lets_go_of_the_folder(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        for _ in range(2):
            with pytest.raises(CannotStart, match=f"{bind}: Address already in use"):
                take_hold(configuration(tmp_path, bind=bind))


def test_metrics_whose_port_is_taken_keep_no_mail_from_flowing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        held = take_hold(configuration(tmp_path, more=f'[metrics]\nbind = "127.0.0.1:{port}"'))
    assert held.metrics_socket is None
    held.close()


def test_an_address_that_is_not_ours_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"192\.0\.2\.1:25: Cannot assign requested address"):
        take_hold(configuration(tmp_path, bind="192.0.2.1:25"))


def test_a_user_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="user: there is no user 'no-such-user'"):
        take_hold(configuration(tmp_path, more='user = "no-such-user"'))


@pytest.mark.parametrize(
    ("fault", "lines"),
    [
        (BadConfiguration(["a: b", "c: d"]), "pymailcore: a: b\npymailcore: c: d\n"),
        (CannotStart("no"), "pymailcore: no\n"),
        (ExceptionGroup("x", [ExceptionGroup("y", [TemporaryFailure("busy")])]), "pymailcore: busy\n"),
        (TemporaryFailure(), "pymailcore: TemporaryFailure\n"),
    ],
)
def test_a_fault_is_one_line_or_one_for_each(fault: BaseException, lines: str) -> None:
    assert complaint(fault) == lines
