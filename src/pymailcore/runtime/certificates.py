"""Finding the certificate that is to be served, or making one.

Standards: RFC 8314 section 3.2, RFC 6125 section 6.4 (names in subjectAltName).

Needs the rights to read the key; in the process family only the supervisor does this.
"""

import datetime
import os
import ssl
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pymailcore.runtime.settings import TlsSettings
from pymailcore.runtime.tls import TlsMaterial

_SELF_SIGNED_DAYS: Final = 3650


class BadCertificate(Exception):
    """The certificate or its key cannot be used; the text says which file and why."""


def load_material(settings: TlsSettings, folder: Path, hostname: str) -> TlsMaterial:
    """Read the configured files, or the self-signed pair in `folder`, which is made when it is missing.

    Raises:
        BadCertificate: a file cannot be read, or they do not belong together.
    """
    if settings.certificate is not None:
        certificate, key = settings.certificate, settings.key or settings.certificate
    else:
        certificate, key = folder / "self-signed.pem", folder / "self-signed.key"
        if not (certificate.exists() and key.exists()):
            _make_self_signed(certificate, key, hostname)
    try:
        material = TlsMaterial(certificate.read_bytes(), key.read_bytes(), settings.certificate is None)
    except OSError as fault:
        raise BadCertificate(f"{fault.filename}: {fault.strerror}") from None
    try:
        material.context()
    except (ssl.SSLError, ValueError) as fault:
        raise BadCertificate(f"{certificate} and {key} cannot be used together: {fault}") from None
    return material


def end_of(material: TlsMaterial) -> datetime.datetime:
    """When the certificate ends, aware, UTC."""
    return x509.load_pem_x509_certificate(material.certificate).not_valid_after_utc


def serial_of(material: TlsMaterial) -> int:
    """Serial number of the certificate."""
    return x509.load_pem_x509_certificate(material.certificate).serial_number


def _make_self_signed(certificate: Path, key: Path, hostname: str) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(hostname), x509.DNSName("localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_SELF_SIGNED_DAYS))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    key_octets = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(key, key_octets)
        write_private(certificate, made.public_bytes(serialization.Encoding.PEM))
    except OSError as fault:
        raise BadCertificate(f"{fault.filename}: {fault.strerror}") from None


def write_private(path: Path, octets: bytes) -> None:
    """Write a file that nobody else may read; whole, or not at all."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
