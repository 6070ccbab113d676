"""Second factors and certificates on the command line."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pymailcore.base.errors import MailError, NotFound

Run = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("config")


def certificate() -> bytes:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anna")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=9))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_certificates_come_and_go(run: Run, tmp_path: Path) -> None:
    run("account", "add", "anna@example.test")
    file = tmp_path / "anna.pem"
    file.write_bytes(certificate())
    added = run("account", "add-certificate", "anna@example.test", "laptop", file)
    (listed,) = json.loads(run("account", "certificates", "anna@example.test", "--json").output)
    assert (listed["name"], added.output) == ("laptop", f"added {listed['id']}\n")
    removed = run("account", "remove-certificate", "anna@example.test", listed["id"])
    assert removed.output == f"removed {listed['id']}\n"
    assert run("account", "certificates", "anna@example.test").output == ""
    file.write_bytes(b"nonsense \xff")
    bad = run("account", "add-certificate", "anna@example.test", "laptop", file)
    assert isinstance(bad.exception, MailError)


def test_factors_are_listed_and_taken_away(run: Run) -> None:
    run("account", "add", "anna@example.test")
    assert run("account", "factors", "anna@example.test", "--json").output == "[]\n"
    assert run("account", "reset-factors", "anna@example.test").output == (
        "removed all second factors of anna@example.test\n"
    )
    assert isinstance(run("account", "reset-factors", "anna@example.test", "f1").exception, NotFound)
