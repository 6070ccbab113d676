"""app_passwords: scope, end, removal; shown once."""

from dataclasses import replace

import pytest
from tests.support.directories import CHEAP, address
from tests.support.sign_in_world import NAME, PEER, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import Forbidden, InvalidValue, NotFound
from pymailcore.base.ids import AccountId
from pymailcore.directory import app_passwords
from pymailcore.directory.app_passwords import AppPasswords
from pymailcore.directory.errors import OverLimit, TooManyAttempts
from pymailcore.sasl.steps import NeedKeys


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


def parts(world: SignInWorld) -> AppPasswords:
    return world.directory.credentials.app_passwords


async def test_it_signs_in_however_it_is_typed_and_is_shown_once(world: SignInWorld) -> None:
    made, text = await parts(world).add(ROOT, world.ann.id, " Phone ")
    for typed in (text, text.replace("-", ""), text.upper().replace("-", " ")):
        principal = await world.sign_in(typed)
        assert (principal.mechanism, principal.secret, principal.generation) == ("app-password", made.id, 0)
    assert (made.name, made.protocols, made.networks, made.last_used_ms) == ("Phone", (), (), None)
    assert [one.id for one in await parts(world).of(world.ann.id)] == [made.id]
    bare = text.replace("-", "").encode()
    for table in ("app_passwords", "audit", "scram_keys"):
        for row in await world.rows(f"SELECT * FROM {table}"):  # noqa: S608 - names of tables
            assert bare not in b" ".join(str(value).encode() for value in row)


async def test_it_has_a_hundred_and_twenty_eight_bits() -> None:
    assert app_passwords.new_text(b"\xff" * 16) == "777777-7777777-7777777-777774"
    assert app_passwords.bare(app_passwords.new_text(bytes(16))) == "a" * 26


@pytest.mark.parametrize(
    "typed", ["", "x" * 100_000, "correct horse", "a" * 25, "a" * 27, "0" * 26, "é" * 26]
)
def test_what_cannot_be_one_is_not_looked_up(typed: str) -> None:
    assert app_passwords.bare(typed) is None


async def test_scope_by_protocol_network_and_time(world: SignInWorld) -> None:
    """Each refusal has the text of a wrong password."""
    made, text = await parts(world).add(
        ROOT,
        world.ann.id,
        "phone",
        protocols=["smtp", "imap"],
        networks=["192.0.2.9/24", "2001:db8::/32"],
        read_only=True,
        expires_ms=world.clock.ms + 1_000,
    )
    assert (made.protocols, made.networks) == (("imap", "smtp"), ("192.0.2.0/24", "2001:db8::/32"))
    principal = await world.sign_in(text, protocol="smtp", peer="::ffff:192.0.2.7")
    assert (principal.read_only, principal.protocols) == (True, frozenset({"imap", "smtp"}))
    assert (await world.sign_in(text, peer="2001:db8:1::1")).secret == made.id
    for protocol, peer in (("jmap", PEER), ("web", PEER), ("imap", "198.51.100.1"), ("imap", "nowhere")):
        with pytest.raises(Forbidden, match=r"^name or password is wrong$"):
            await world.sign_in(text, protocol=protocol, peer=peer)
    world.clock.ms += 1_000
    with pytest.raises(Forbidden):
        await world.sign_in(text)


async def test_no_app_password_opens_the_web_pages(world: SignInWorld) -> None:
    _, text = await parts(world).add(ROOT, world.ann.id, "phone")
    with pytest.raises(Forbidden):
        await world.sign_in(text, protocol="web")


async def test_the_right_one_gets_in_while_its_net_is_over_the_limit(world: SignInWorld) -> None:
    _, text = await parts(world).add(ROOT, world.ann.id, "phone")
    for _ in range(10):
        with pytest.raises(Forbidden):
            await world.sign_in("wrong horse")
    with pytest.raises(TooManyAttempts):
        await world.sign_in(text[:-1] + ("a" if text[-1] != "a" else "b"))
    await world.sign_in(text)


async def test_a_removed_one_is_wrong_and_raises_the_generation(world: SignInWorld) -> None:
    """A6."""
    made, text = await parts(world).add(ROOT, world.ann.id, "phone")
    _, other = await parts(world).add(ROOT, world.ann.id, "tablet")
    assert await world.generation() == 0  # what is added throws nobody out
    with pytest.raises(NotFound):
        await parts(world).remove(ROOT, AccountId(world.ann.id + 1), made.id)
    await parts(world).remove(ROOT, world.ann.id, made.id)
    with pytest.raises(Forbidden):
        await world.sign_in(text)
    assert (await world.sign_in(other)).generation == 1
    with pytest.raises(NotFound):
        await parts(world).remove(ROOT, world.ann.id, made.id)
    assert await world.rows("SELECT 1 FROM scram_keys WHERE secret = ?1", made.id) == []


async def test_of_another_account_it_is_wrong(world: SignInWorld) -> None:
    _, text = await parts(world).add(ROOT, world.ann.id, "phone")
    await world.directory.accounts.add(ROOT, address("ben@a.example"), "correct horse")
    with pytest.raises(Forbidden):
        await world.sign_in(text, name="ben@a.example")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"name": "a\nb"},
        {"protocols": ["gopher"]},
        {"networks": ["192.0.2.0/33"]},
        {"networks": [f"10.0.{n}.0/24" for n in range(21)]},
        {"expires_ms": 1},
    ],
)
async def test_what_cannot_be_is_refused(world: SignInWorld, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        await parts(world).add(ROOT, world.ann.id, **({"name": "phone"} | wrong))  # type: ignore[arg-type]  # wrong on purpose


async def test_there_are_only_so_many_and_only_of_persons(world: SignInWorld) -> None:
    with pytest.raises(NotFound):
        await parts(world).add(ROOT, AccountId(987), "phone")
    few = world.another(replace(CHEAP, app_passwords_count=1))
    await few.credentials.app_passwords.add(ROOT, world.ann.id, "phone")
    with pytest.raises(OverLimit):
        await few.credentials.app_passwords.add(ROOT, world.ann.id, "tablet")
    await world.run("UPDATE accounts SET kind = 'resource' WHERE id = ?1", world.ann.id)
    with pytest.raises(InvalidValue, match="no personal account"):
        await parts(world).add(ROOT, world.ann.id, "room")


async def test_scram_offers_all_wherever_they_may_be_used(world: SignInWorld) -> None:
    """RFC 5802: one exchange, any of the secrets; one that does not do here is refused when it is shown."""
    made, _ = await parts(world).add(ROOT, world.ann.id, "phone", protocols=["imap"])
    need = NeedKeys("SCRAM-SHA-256", NAME)
    offered = {
        protocol: {
            key.secret for key in (await world.directory.scram_keys(need, peer=PEER, protocol=protocol)).keys
        }
        for protocol in ("imap", "smtp")
    }
    assert offered == {"imap": {0, made.id}, "smtp": {0, made.id}}
