"""Making certificates and looking into them; apart, because it loads all of `cryptography.x509`.

Standards: RFC 5280 section 4.2.1.6 (subjectAltName).

`python -m pymailcore.runtime.self_signed FOLDER HOSTNAME` makes a pair.
"""

import datetime
import os
import sys
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pymailcore.runtime.certificates import CERTIFICATE, KEY
from pymailcore.runtime.tls import TlsMaterial

_SELF_SIGNED_DAYS: Final = 3650


def end_of(material: TlsMaterial) -> datetime.datetime:
    """When the certificate ends, aware, UTC."""
    return x509.load_pem_x509_certificate(material.certificate).not_valid_after_utc


def serial_of(material: TlsMaterial) -> int:
    """Serial number of the certificate."""
    return x509.load_pem_x509_certificate(material.certificate).serial_number


def make_self_signed(folder: Path, hostname: str) -> None:
    """Make a key and a certificate for a name, valid for ten years.

    Raises:
        OSError: a file cannot be written.
    """
    certificate, key = folder / CERTIFICATE, folder / KEY
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
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(key, key_octets)
    write_private(certificate, made.public_bytes(serialization.Encoding.PEM))


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


def main() -> None:
    """Make the pair that the arguments name; a fault is one line on standard error."""
    try:
        make_self_signed(Path(sys.argv[1]), sys.argv[2])
    except OSError as fault:
        sys.exit(f"{fault.filename}: {fault.strerror}")


if __name__ == "__main__":
    main()
