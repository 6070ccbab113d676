"""directory: domains, accounts, addresses, aliases, web sessions, identities."""

import timeit

import pytest
import trio
import trio.testing
from tests.support.directories import World, address, make_world

from pymailcore.base.errors import AlreadyExists, InvalidValue, NotEmpty, NotFound, TemporaryFailure
from pymailcore.base.ids import AccountId
from pymailcore.directory.types import Account, Alias
from pymailcore.runtime.hub import DIRECTORY, ChangeHub

DAY = 86_400_000


@pytest.fixture
def world() -> World:
    return make_world()


async def with_ann(world: World) -> Account:
    await world.directory.add_domain("a.example")
    return await world.directory.add_account(address("Ann@a.example"), "correct horse")


async def test_a_domain_is_kept_in_its_one_form(world: World) -> None:
    """RFC 5890 section 2.3.2.1."""
    assert (await world.directory.add_domain("BÜCHER.example")).name == "xn--bcher-kva.example"
    assert await world.directory.is_local_domain("xn--bcher-kva.example")
    assert not await world.directory.is_local_domain("b.example")
    with pytest.raises(AlreadyExists):
        await world.directory.add_domain("bücher.EXAMPLE")
    assert [domain.name for domain in await world.directory.list_domains()] == ["xn--bcher-kva.example"]


@pytest.mark.parametrize("text", ["", "a..b", "[192.0.2.1]", "a b", "x" * 64 + ".example"])
async def test_what_is_no_domain_is_refused(world: World, text: str) -> None:
    with pytest.raises(InvalidValue):
        await world.directory.add_domain(text)


async def test_a_domain_with_accounts_stays(world: World) -> None:
    await with_ann(world)
    with pytest.raises(NotEmpty):
        await world.directory.remove_domain("a.example")
    await world.directory.remove_account(address("ann@a.example"))
    await world.directory.remove_domain("a.example")
    assert not await world.directory.is_local_domain("a.example")
    with pytest.raises(NotFound):
        await world.directory.remove_domain("a.example")


async def test_removing_a_domain_takes_its_aliases_and_no_others(world: World) -> None:
    await with_ann(world)
    await world.directory.add_domain("example")
    await world.directory.add_alias(address("x@example"), address("ann@a.example"))
    await world.directory.add_alias(address("y@a.example"), address("ann@a.example"))
    await world.directory.remove_domain("example")
    assert await world.directory.list_aliases() == [Alias("y@a.example", "Ann@a.example", True)]


async def test_an_account_has_its_address_and_identity(world: World) -> None:
    ann = await with_ann(world)
    assert ann.name == "ann@a.example"
    assert await world.directory.list_accounts() == [ann]
    assert await world.directory.addresses_of(ann.id) == [address("Ann@a.example")]
    assert [identity.email for identity in await world.directory.identities(ann.id)] == ["Ann@a.example"]
    principal = await world.directory.principal(ann.id)
    assert (principal.name, principal.admin) == ("ann@a.example", False)
    route = await world.directory.route(address("ANN@a.example"))
    assert [recipient.account for recipient in route.local] == [ann.id]


async def test_an_account_needs_a_domain_a_free_address_and_a_password(world: World) -> None:
    await with_ann(world)
    await world.directory.add_alias(address("team@a.example"), address("ann@a.example"))
    with pytest.raises(NotFound):
        await world.directory.add_account(address("ann@b.example"), "correct horse")
    for taken in ("ANN@a.example", "team@a.example"):
        with pytest.raises(AlreadyExists):
            await world.directory.add_account(address(taken), "correct horse")
    with pytest.raises(InvalidValue):
        await world.directory.add_account(address("ben@a.example"), "short")
    assert len(await world.directory.list_accounts()) == 1


async def test_a_removed_account_is_gone_everywhere(world: World) -> None:
    ann = await with_ann(world)
    token = await world.directory.create_session(ann.id, user_agent="", peer="")
    assert await world.directory.session(token) is not None
    await world.directory.remove_account(address("ann@a.example"))
    assert await world.directory.session(token) is None
    with pytest.raises(NotFound):
        await world.directory.route(address("ann@a.example"))
    with pytest.raises(NotFound):
        await world.directory.principal(ann.id)
    with pytest.raises(NotFound):
        await world.directory.remove_account(address("ann@a.example"))
    for table in ("accounts", "addresses", "credentials", "sessions", "identities"):
        assert world.store.count(table) == 0, table


async def test_a_failed_commit_makes_no_account(world: World) -> None:
    await world.directory.add_domain("a.example")
    world.store.memory.fail_next = RuntimeError("power")
    with pytest.raises(RuntimeError):
        await world.directory.add_account(address("ann@a.example"), "correct horse")
    assert world.store.count("accounts") == world.store.count("addresses") == 0


async def test_aliases_lead_to_accounts_here_and_addresses_elsewhere(world: World) -> None:
    ann = await with_ann(world)
    await world.directory.add_alias(address("team@a.example"), address("ann@a.example"))
    await world.directory.add_alias(address("team@a.example"), address("Far@b.example"))
    await world.directory.add_alias(address("all@a.example"), address("team@a.example"))
    route = await world.directory.route(address("all@a.example"))
    assert [recipient.account for recipient in route.local] == [ann.id]
    assert route.remote == (address("Far@b.example"),)
    assert await world.directory.list_aliases() == [
        Alias("all@a.example", "team@a.example", False),
        Alias("team@a.example", "Ann@a.example", True),
        Alias("team@a.example", "Far@b.example", False),
    ]


async def test_aliases_that_cannot_be(world: World) -> None:
    await with_ann(world)
    ann, team = address("ann@a.example"), address("team@a.example")
    await world.directory.add_alias(team, ann)
    await world.directory.add_alias(team, address("far@b.example"))
    with pytest.raises(AlreadyExists):
        await world.directory.add_alias(address("TEAM@a.example"), address("ANN@a.example"))
    with pytest.raises(AlreadyExists):
        await world.directory.add_alias(team, address("far@b.example"))
    with pytest.raises(NotFound, match="no domain"):
        await world.directory.add_alias(address("x@b.example"), ann)
    with pytest.raises(NotFound, match="nobody"):
        await world.directory.add_alias(address("x@a.example"), address("nobody@a.example"))
    with pytest.raises(InvalidValue):
        await world.directory.add_alias(team, team)


async def test_an_alias_gives_its_account_an_identity_for_as_long_as_it_stands(world: World) -> None:
    ann = await with_ann(world)
    team = address("team@a.example")
    await world.directory.add_alias(team, address("ann@a.example"))
    assert [i.email for i in await world.directory.identities(ann.id)] == ["Ann@a.example", "team@a.example"]
    assert await world.directory.may_send_as(ann.id, team)
    assert [channel for channel, _ in world.notices if channel > 0] == [ann.id]
    await world.directory.remove_alias(team)
    assert [i.email for i in await world.directory.identities(ann.id)] == ["Ann@a.example"]
    assert not await world.directory.may_send_as(ann.id, team)
    with pytest.raises(NotFound):
        await world.directory.remove_alias(team)


async def test_one_of_several_aliases_can_be_removed(world: World) -> None:
    await with_ann(world)
    team = address("team@a.example")
    await world.directory.add_alias(team, address("ann@a.example"))
    await world.directory.add_alias(team, address("far@b.example"))
    await world.directory.remove_alias(team, address("ann@a.example"))
    assert await world.directory.list_aliases() == [Alias("team@a.example", "far@b.example", False)]
    with pytest.raises(NotFound):
        await world.directory.remove_alias(address("ann@a.example"))


async def test_mail_for_an_account_can_also_be_forwarded(world: World) -> None:
    ann = await with_ann(world)
    await world.directory.add_alias(address("ann@a.example"), address("ann@b.example"))
    route = await world.directory.route(address("ann@a.example"))
    assert [recipient.account for recipient in route.local] == [ann.id]
    assert route.remote == (address("ann@b.example"),)


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("ann@a.example", True),
        ("ANN@a.example", True),
        ("ann+x@a.example", True),
        ("ann+@a.example", True),
        ("ben@a.example", False),
        ("annx@a.example", False),
        ("+ann@a.example", False),
        ("ann@b.example", False),
    ],
)
async def test_who_may_be_written_into_from(world: World, text: str, may: bool) -> None:
    ann = await with_ann(world)
    assert await world.directory.may_send_as(ann.id, address(text)) is may


async def test_postmaster_goes_to_the_administrators_of_the_moment(world: World) -> None:
    """RFC 5321 section 4.5.1."""
    ann = await with_ann(world)
    with pytest.raises(NotFound):
        await world.directory.route(address("postmaster@a.example"))
    await world.directory.set_admin(address("ann@a.example"), True)
    route = await world.directory.route(address("postmaster@a.example"))
    assert [recipient.account for recipient in route.local] == [ann.id]
    await world.directory.set_admin(address("ann@a.example"), False)
    with pytest.raises(NotFound):
        await world.directory.route(address("postmaster@a.example"))


async def test_look_ups_are_remembered_until_a_notice_or_their_age(world: World) -> None:
    await with_ann(world)
    ann = address("ann@a.example")
    await world.directory.route(ann)
    world.store.memory.connection.execute("DELETE FROM addresses")  # another process
    await world.directory.route(ann)
    world.clock.ms += 4_999
    await world.directory.route(ann)
    world.clock.ms += 1
    with pytest.raises(NotFound):
        await world.directory.route(ann)


async def test_a_notice_forgets_look_ups(world: World, nursery: trio.Nursery) -> None:
    await with_ann(world)
    hub = ChangeHub()
    nursery.start_soon(world.directory.follow, hub)
    await trio.testing.wait_all_tasks_blocked()
    await world.directory.route(address("ann@a.example"))
    world.store.memory.connection.execute("DELETE FROM addresses")
    hub.publish(DIRECTORY, 1)
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(NotFound):
        await world.directory.route(address("ann@a.example"))


async def test_every_change_is_announced(world: World) -> None:
    await with_ann(world)
    announced = [value for channel, value in world.notices if channel == DIRECTORY]
    assert len(announced) == 2
    assert announced == sorted(set(announced))


async def test_a_remembered_route_takes_microseconds(world: World) -> None:
    """A recipient costs about 10 microseconds once it is known; 100 leaves room for a busy machine."""
    await with_ann(world)
    ann = address("ann@a.example")
    await world.directory.route(ann)
    reads = world.store.memory.reads

    def once() -> None:
        with pytest.raises(StopIteration):
            world.directory.route(ann).send(None)

    def plain() -> None:
        try:
            world.directory.route(ann).send(None)
        except StopIteration:
            return

    once()
    assert min(timeit.repeat(plain, number=1_000, repeat=5)) / 1_000 < 100e-6
    assert world.store.memory.reads == reads


async def test_a_session_lives_by_its_token_alone(world: World) -> None:
    ann = await with_ann(world)
    token = await world.directory.create_session(ann.id, user_agent="browser", peer="192.0.2.1")
    assert len(token) == 43
    principal = await world.directory.session(token)
    assert principal is not None
    assert principal.account == ann.id
    for wrong in ("", token[:-1], token + "A", token.swapcase(), "\ud800"):
        assert await world.directory.session(wrong) is None
    (row,) = world.store.memory.connection.execute("SELECT * FROM sessions").fetchall()
    assert token not in map(str, row)
    (mine,) = await world.directory.sessions_of(ann.id)
    assert (mine.peer, mine.user_agent) == ("192.0.2.1", "browser")


async def test_a_session_ends_a_time_after_its_last_use(world: World) -> None:
    ann = await with_ann(world)
    token = await world.directory.create_session(ann.id, user_agent="", peer="")
    for _ in range(3):
        world.clock.ms += 13 * DAY
        assert await world.directory.session(token) is not None
    world.clock.ms += 14 * DAY
    assert await world.directory.session(token) is None


async def test_a_session_is_good_while_nothing_can_be_written(world: World) -> None:
    ann = await with_ann(world)
    token = await world.directory.create_session(ann.id, user_agent="", peer="")
    world.clock.ms += DAY
    world.store.memory.fail_next = TemporaryFailure("the store is being moved")
    assert await world.directory.session(token) is not None
    assert world.store.memory.fail_next is None


async def test_a_session_ends_ninety_days_after_sign_in(world: World) -> None:
    ann = await with_ann(world)
    token = await world.directory.create_session(ann.id, user_agent="", peer="")
    for _ in range(8):
        world.clock.ms += 11 * DAY
        assert await world.directory.session(token) is not None
    world.clock.ms += 2 * DAY
    assert await world.directory.session(token) is None


async def test_sessions_end_when_asked_to(world: World) -> None:
    ann = await with_ann(world)
    tokens = [await world.directory.create_session(ann.id, user_agent="", peer="") for _ in range(3)]
    await world.directory.end_session(tokens[0])
    assert await world.directory.session(tokens[0]) is None
    await world.directory.end_sessions(ann.id, but=tokens[1])
    assert [await world.directory.session(t) is not None for t in tokens] == [False, True, False]
    await world.directory.set_password(address("ann@a.example"), "another horse")
    assert await world.directory.session(tokens[1]) is None


@pytest.mark.parametrize("count", [99, 100, 101])
async def test_an_account_has_a_hundred_sessions(world: World, count: int) -> None:
    ann = await with_ann(world)
    tokens = []
    for _ in range(count):
        world.clock.ms += 1
        tokens.append(await world.directory.create_session(ann.id, user_agent="", peer=""))
    assert (await world.directory.session(tokens[0]) is not None) is (count <= 100)
    assert await world.directory.session(tokens[-1]) is not None


async def test_an_identity_changes_and_tells_its_account(world: World) -> None:
    """RFC 8621 section 6."""
    ann = await with_ann(world)
    (identity,) = await world.directory.identities(ann.id)
    world.notices.clear()
    await world.directory.set_identity_name(ann.id, identity.id, "Ann Müller")
    modseq = await world.directory.update_identity(ann.id, identity.id, text_signature="-- \nA")
    assert world.notices == [(ann.id, modseq - 1), (ann.id, modseq)]
    (changed,) = await world.directory.identities(ann.id)
    assert (changed.name, changed.text_signature, changed.html_signature) == ("Ann Müller", "-- \nA", "")
    with pytest.raises(NotFound):
        await world.directory.set_identity_name(AccountId(ann.id + 1), identity.id, "Eve")


async def test_unknown_accounts_cannot_be_changed(world: World) -> None:
    await with_ann(world)
    nobody = address("nobody@a.example")
    with pytest.raises(NotFound):
        await world.directory.set_password(nobody, "correct horse")
    with pytest.raises(NotFound):
        await world.directory.set_admin(nobody, True)
