import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from tests.support.certificates import client_pair

from pymailcore.runtime.certificates import BadCertificate, load_material
from pymailcore.runtime.clock import now
from pymailcore.runtime.self_signed import end_of, serial_of
from pymailcore.runtime.settings import TlsSettings
from pymailcore.runtime.tls import TlsMaterial

HOST = "mx.example.org"


def self_signed(folder: Path) -> TlsMaterial:
    return load_material(TlsSettings(), folder, HOST)


def test_a_self_signed_certificate_is_made_once_and_kept(tmp_path: Path) -> None:
    first = self_signed(tmp_path / "tls")
    assert first == self_signed(tmp_path / "tls")
    assert first.self_signed
    assert (tmp_path / "tls" / "self-signed.key").stat().st_mode & 0o777 == 0o600


def test_configured_files_in_one_or_two(tmp_path: Path) -> None:
    made = self_signed(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(made.key + made.certificate)
    assert serial_of(load_material(TlsSettings(certificate=both), tmp_path, HOST)) == serial_of(made)
    two = TlsSettings(certificate=tmp_path / "self-signed.pem", key=tmp_path / "self-signed.key")
    assert serial_of(load_material(two, tmp_path, HOST)) == serial_of(made)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    self_signed(tmp_path / "a")
    self_signed(tmp_path / "b")
    settings = TlsSettings(
        certificate=tmp_path / "a" / "self-signed.pem", key=tmp_path / "b" / "self-signed.key"
    )
    with pytest.raises(BadCertificate, match="cannot be used together"):
        load_material(settings, tmp_path, HOST)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCertificate, match=r"none\.pem: No such file"):
        load_material(TlsSettings(certificate=tmp_path / "none.pem"), tmp_path, HOST)


def test_a_certificate_that_was_made_lasts(tmp_path: Path) -> None:
    assert (end_of(self_signed(tmp_path)) - now()).days > 3000


def test_an_encrypted_key_is_refused_without_asking(tmp_path: Path) -> None:
    made = self_signed(tmp_path)
    key = serialization.load_pem_private_key(made.key, None)
    path = tmp_path / "encrypted.key"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    settings = TlsSettings(certificate=tmp_path / "self-signed.pem", key=path)
    with pytest.raises(BadCertificate, match="encrypted"):
        load_material(settings, tmp_path, HOST)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadCertificate, match="file"):
        self_signed(tmp_path / "file" / "tls")


def test_authorities_of_clients_are_read_and_checked(tmp_path: Path) -> None:
    """RFC 8446 section 4.3.2."""
    authority, client = client_pair(tmp_path)
    material = load_material(TlsSettings(client_authorities=authority), tmp_path, HOST)
    assert material.client_authorities == authority.read_bytes()
    assert material.context(client_certificates="optional").verify_mode is ssl.CERT_OPTIONAL
    assert material.context(client_certificates="required").verify_mode is ssl.CERT_REQUIRED
    assert material.context().verify_mode is ssl.CERT_NONE
    client.write_text("no certificate")
    with pytest.raises(BadCertificate, match=r"client\.pem has no certificates"):
        load_material(TlsSettings(client_authorities=client), tmp_path, HOST)
    client.write_text("")
    with pytest.raises(BadCertificate, match=r"client\.pem has no certificates"):
        load_material(TlsSettings(client_authorities=client), tmp_path, HOST)
    with pytest.raises(BadCertificate, match=r"none\.pem: No such file"):
        load_material(TlsSettings(client_authorities=tmp_path / "none.pem"), tmp_path, HOST)
