import subprocess
import sys
from pathlib import Path

from cryptography import x509

from pymailcore.runtime.clock import now
from pymailcore.runtime.self_signed import end_of, make_self_signed, serial_of, write_private
from pymailcore.runtime.tls import TlsMaterial


def test_a_pair_that_lasts_and_names_the_host(tmp_path: Path) -> None:
    """RFC 5280 section 4.2.1.6."""
    make_self_signed(tmp_path, "mx.example.org")
    octets = (tmp_path / "self-signed.pem").read_bytes()
    material = TlsMaterial(octets, (tmp_path / "self-signed.key").read_bytes())
    material.context()
    assert (end_of(material) - now()).days > 3000
    certificate = x509.load_pem_x509_certificate(octets)
    assert certificate.serial_number == serial_of(material)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mx.example.org", "localhost"]


def test_nobody_else_may_read_what_is_private(tmp_path: Path) -> None:
    for octets in (b"first", b"second"):
        write_private(tmp_path / "file", octets)
        assert (tmp_path / "file").read_bytes() == octets
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_as_a_program_it_says_why_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "pymailcore.runtime.self_signed", str(tmp_path / "file"), "mx.test"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == f"{tmp_path / 'file'}: File exists\n"
