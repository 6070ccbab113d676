"""Finding the certificate that is to be served, or making one.

Standards: RFC 8314 section 3.2, RFC 6125 section 6.4 (names in subjectAltName).

Needs the rights to read the key; in the process family only the supervisor does this.
"""

import ssl
import subprocess
import sys
from pathlib import Path
from typing import Final

from pymailcore.runtime.settings import TlsSettings
from pymailcore.runtime.tls import TlsMaterial

CERTIFICATE: Final = "self-signed.pem"
KEY: Final = "self-signed.key"


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
        certificate, key = folder / CERTIFICATE, folder / KEY
        if not (certificate.exists() and key.exists()):
            _make(folder, hostname)
    try:
        material = TlsMaterial(
            certificate.read_bytes(),
            key.read_bytes(),
            settings.certificate is None,
            b"" if settings.client_authorities is None else settings.client_authorities.read_bytes(),
        )
    except OSError as fault:
        raise BadCertificate(f"{fault.filename}: {fault.strerror}") from None
    try:
        material.context()
    except (ssl.SSLError, ValueError) as fault:
        raise BadCertificate(f"{certificate} and {key} cannot be used together: {fault}") from None
    if settings.client_authorities is not None:
        _check_authorities(material, settings.client_authorities)
    return material


def _check_authorities(material: TlsMaterial, path: Path) -> None:
    try:
        context = material.context(client_certificates="optional")
    except (ssl.SSLError, ValueError) as fault:
        raise BadCertificate(f"{path} has no certificates: {fault}") from None
    if not context.get_ca_certs():
        raise BadCertificate(f"{path} has no certificates of authorities")


def _make(folder: Path, hostname: str) -> None:
    """Make the self-signed pair in a process of its own, so that this one need not load what it takes."""
    command = [sys.executable, "-P", "-m", "pymailcore.runtime.self_signed", str(folder), hostname]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if ended.returncode:
        raise BadCertificate(ended.stderr.strip().rpartition("\n")[2] or "no certificate could be made")
