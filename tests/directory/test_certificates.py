"""certificates: those that sign in (EXTERNAL), on both engines."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tests.support.directories import address
from tests.support.sign_in_world import NAME, PEER, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import AlreadyExists, Forbidden, InvalidValue, NotFound
from pymailcore.base.ids import AccountId
from pymailcore.directory.certificates import Certificates
from pymailcore.directory.types import Principal
from pymailcore.runtime.certificates import CERTIFICATE
from pymailcore.runtime.clock import now_ms
from pymailcore.runtime.self_signed import make_self_signed
from pymailcore.sasl.steps import External


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    world = await make_sign_in_world(opened)
    world.clock.ms = now_ms()
    return world


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A certificate of the present, as people have it in a file."""
    make_self_signed(folder := tmp_path_factory.mktemp("certificate"), "laptop.example")
    return (folder / CERTIFICATE).read_bytes()


def der_of(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def parts(world: SignInWorld) -> Certificates:
    return world.directory.credentials.certificates


async def come(world: SignInWorld, der: bytes | None, name: str = "") -> Principal:
    return await world.directory.authenticate(External(name), peer=PEER, protocol="imap", certificate=der)


async def test_a_certificate_signs_in_to_its_account(world: SignInWorld, pem: bytes) -> None:
    """RFC 4422 appendix A."""
    made = await parts(world).add(ROOT, world.ann.id, "laptop", pem)
    for name in ("", "ANN@a.example"):
        principal = await come(world, der_of(pem), name)
        assert (principal.name, principal.mechanism) == (NAME, "certificate")
    await world.directory.sign_ins.flush()
    (kept,) = await parts(world).of(world.ann.id)
    assert (kept.name, kept.digest, kept.owner) == ("laptop", made.digest, NAME)
    assert kept.last_used_ms is not None
    with pytest.raises(AlreadyExists):
        await parts(world).add(ROOT, world.ann.id, "again", der_of(pem))


async def test_another_name_and_other_certificates_are_refused(world: SignInWorld, pem: bytes) -> None:
    await parts(world).add(ROOT, world.ann.id, "laptop", pem)
    await world.directory.accounts.add(ROOT, address("ben@a.example"), None)
    for der, name in ((der_of(pem), "ben@a.example"), (der_of(pem) + b"x", ""), (b"", ""), (None, NAME)):
        with pytest.raises(Forbidden, match=r"^name or password is wrong$"):
            await come(world, der, name)


async def test_it_ends_with_its_validity_and_when_it_is_removed(world: SignInWorld, pem: bytes) -> None:
    made = await parts(world).add(ROOT, world.ann.id, "laptop", pem)
    assert made.expires_ms is not None
    await come(world, der_of(pem))
    there, world.clock.ms = world.clock.ms, made.expires_ms
    with pytest.raises(Forbidden):
        await come(world, der_of(pem))
    with pytest.raises(InvalidValue, match="expired"):
        await parts(world).add(ROOT, world.ann.id, "late", pem)
    world.clock.ms = there
    for account, digest in ((AccountId(987), made.digest), (world.ann.id, "00"), (world.ann.id, "zz")):
        with pytest.raises(NotFound):
            await parts(world).remove(ROOT, account, digest)
    await parts(world).remove(ROOT, world.ann.id, made.digest)
    assert await world.generation() == 1
    with pytest.raises(Forbidden):
        await come(world, der_of(pem))


@pytest.mark.parametrize(
    "octets", [b"", b"x", b"-----BEGIN CERTIFICATE-----\n", b"0" * 20_000, b"-----BEGIN X-----\nAA\n"]
)
async def test_what_is_no_certificate_is_refused(world: SignInWorld, octets: bytes) -> None:
    with pytest.raises(InvalidValue):
        await parts(world).add(ROOT, world.ann.id, "laptop", octets)
