"""logins: one bit for whoever asks, on both engines."""

import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import bcrypt
import pytest
import trio
from tests.support.directories import CHEAP, address
from tests.support.sign_in_world import NAME, PASSWORD, PEER, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import Forbidden, TemporaryFailure
from pymailcore.base.ids import DEFAULT_TENANT
from pymailcore.directory.errors import TooManyAttempts
from pymailcore.directory.logins import Logins
from pymailcore.runtime.shared_counters import SharedCounters
from pymailcore.sasl.steps import BearerToken, Credentials, External, ScramProof


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


async def outcome(world: SignInWorld, *args: str, **more: str) -> str:
    try:
        await world.sign_in(*args, **more)
    except (Forbidden, TooManyAttempts) as caught:
        return str(caught)
    return ""


async def test_the_right_password_signs_in_whatever_the_case_of_the_name(world: SignInWorld) -> None:
    principal = await world.sign_in(name="Ann@A.example")
    assert (principal.account, principal.name, principal.mechanism) == (world.ann.id, NAME, "password")
    assert (principal.read_only, principal.secret, principal.protocols) == (False, 0, frozenset())


@pytest.mark.parametrize(
    ("name", "password"),
    [
        (NAME, "wrong horse"),
        (NAME, ""),
        (NAME, "\ud800"),
        ("nobody@a.example", PASSWORD),
        ("ann@b.example", PASSWORD),
        ("ann", PASSWORD),
        ("", ""),
        ("x" * 100_000, PASSWORD),
        ("ben@a.example", ""),
        ("room@a.example", PASSWORD),
        ("team@a.example", PASSWORD),
    ],
)
async def test_whatever_is_wrong_the_text_is_the_same(world: SignInWorld, name: str, password: str) -> None:
    await world.directory.accounts.add(ROOT, address("ben@a.example"), None)
    await world.directory.accounts.add(ROOT, address("room@a.example"), None, kind="shared")
    await world.directory.addresses.add(ROOT, address("team@a.example"), address(NAME))
    assert await outcome(world, password, name=name) == "name or password is wrong"


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE accounts SET state = 'suspended' WHERE id = ?1",
        "UPDATE accounts SET kind = 'shared' WHERE id = ?1",
        "UPDATE domains SET state = 'suspended' WHERE id <> ?1",
        "UPDATE tenants SET state = 'suspended' WHERE id <> ?1",
    ],
)
async def test_who_may_not_gets_the_same_text_however_he_comes(world: SignInWorld, sql: str) -> None:
    """A6; the reason is in the log only."""
    _, app = await world.directory.credentials.app_passwords.add(ROOT, world.ann.id, "phone")
    token = await world.directory.credentials.tokens.issue(world.ann.id, "app", ["imap"], 60)
    await world.sign_in()
    await world.sign_in(app)
    await world.run(sql, world.ann.id)
    for evidence in (
        Credentials(NAME, "", PASSWORD),
        Credentials(NAME, "", app),
        BearerToken("OAUTHBEARER", NAME, token),
    ):
        with pytest.raises(Forbidden, match=r"^name or password is wrong$"):
            await world.directory.authenticate(evidence, peer=PEER, protocol="imap")


async def test_nobody_acts_as_somebody_else(world: SignInWorld) -> None:
    assert (await world.sign_in(authorization_id="ANN@a.example")).name == NAME
    assert await outcome(world, authorization_id="root@a.example") == "name or password is wrong"


async def test_unknown_and_known_names_are_limited_alike(world: SignInWorld) -> None:
    for name, net in ((NAME, 1), ("nobody@a.example", 2)):
        for number in range(10):
            with pytest.raises(Forbidden):
                await world.sign_in("wrong horse", name=name, peer=f"10.{net}.{number * 8}.1")
        with pytest.raises(TooManyAttempts):
            await world.sign_in("wrong horse", name=name, peer=f"10.{net}.200.1")


async def test_a_remembered_password_cannot_be_guessed_beyond_the_limits(world: SignInWorld) -> None:
    """A1: the memory of right passwords is asked within the limits too; its owner gets in from his net."""
    await world.sign_in(peer="198.51.100.7")
    for number in range(10):
        with pytest.raises(Forbidden):
            await world.sign_in("wrong horse", peer=f"10.1.{number * 8}.1")
    with pytest.raises(TooManyAttempts):
        await world.sign_in(PASSWORD, peer="10.1.200.1")
    assert (await world.sign_in(peer="198.51.100.7")).name == NAME
    assert world.directory.failure_pause_seconds("10.1.0.1") == 1.0
    assert world.directory.failure_pause_seconds("198.51.100.7") == 0.0


async def test_nets_from_which_it_was_signed_in_are_known_after_a_restart(world: SignInWorld) -> None:
    await world.sign_in(peer="198.51.100.7")
    await world.directory.sign_ins.flush()
    later = world.another()
    for number in range(10):
        with pytest.raises(Forbidden):
            await later.authenticate(Credentials(NAME, "", "x"), peer=f"10.1.{number * 8}.1", protocol="imap")
    with pytest.raises(TooManyAttempts):
        await later.authenticate(Credentials(NAME, "", PASSWORD), peer="10.1.200.1", protocol="imap")
    await later.authenticate(Credentials(NAME, "", PASSWORD), peer="198.51.100.7", protocol="imap")


async def test_protocols_and_processes_share_the_limits(world: SignInWorld) -> None:
    counters = SharedCounters.create(10_000)
    family = [world.another(counters=counters) for _ in range(2)]
    for number, protocol in enumerate(["imap", "smtp", "jmap", "web", "pop3"] * 2):
        with pytest.raises(Forbidden):
            await family[number % 2].authenticate(Credentials(NAME, "", "x"), peer=PEER, protocol=protocol)
    for directory in family:
        with pytest.raises(TooManyAttempts):
            await directory.authenticate(Credentials("u@a.example", "", "x"), peer=PEER, protocol="imap")


async def test_right_sign_ins_are_never_limited(world: SignInWorld) -> None:
    for _ in range(60):
        await world.sign_in()


async def test_many_programs_that_start_at_once_all_get_in(world: SignInWorld) -> None:
    for number in range(15):
        await world.directory.accounts.add(ROOT, address(f"u{number}@a.example"), PASSWORD)
    names: list[str] = []

    async def start(name: str) -> None:
        names.append((await world.sign_in(name=name)).name)

    async with trio.open_nursery() as nursery:
        for number in range(15):
            nursery.start_soon(start, f"u{number}@a.example")
            nursery.start_soon(start, NAME)
    assert len(names) == 30


async def test_guesses_at_once_are_no_more_than_the_limit(world: SignInWorld) -> None:
    """A1: whatever runs at the same time, only so many guesses are looked at."""
    outcomes: Counter[str] = Counter()

    async def guess(number: int) -> None:
        outcomes[await outcome(world, f"wrong horse {number}")] += 1

    async with trio.open_nursery() as nursery:
        for number in range(40):
            nursery.start_soon(guess, number)
    assert outcomes == {"name or password is wrong": 10, "too many failed logins": 30}


async def test_a_flood_is_put_off_and_the_loop_goes_on(opened: Opened) -> None:
    """A3: 500 at once: few threads hash, few wait, all others are told to come again."""
    settings = replace(CHEAP, argon2_memory_kib=8_192, hashing_waiting_count=20, failures_per_minute=1_000)
    world = await make_sign_in_world(opened, settings)
    outcomes: Counter[str] = Counter()
    worked = 0.0
    done = trio.Event()

    async def guess(number: int) -> None:
        outcomes[await outcome(world, "x", name=f"u{number}@a.example", peer=f"10.{number % 250}.0.1")] += 1

    async def tick() -> None:
        nonlocal worked
        while not done.is_set():
            began = time.thread_time()  # not the clock: other work on the machine does not count
            await trio.sleep(0.005)
            worked = max(worked, time.thread_time() - began)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        async with trio.open_nursery() as guesses:
            for number in range(500):
                guesses.start_soon(guess, number)
        done.set()
    assert outcomes.total() == 500
    assert outcomes["too many logins at once"] >= 100
    assert worked < 0.05


@pytest.mark.parametrize("waiting", [30, pytest.param(200, marks=pytest.mark.long)])
def test_a_flood_takes_the_memory_of_the_few_that_are_hashed(tmp_path: Path, waiting: int) -> None:
    """A3: 500 at once, Argon2id as it is by default; two threads of 19 MiB each, and some for who waits."""
    command = [sys.executable, "-m", "tests.support.flood_child", str(tmp_path), "500", "2", str(waiting)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 80 * 2**20


async def test_a_remembered_password_ends_with_a_new_one(world: SignInWorld) -> None:
    """A5, A6."""
    await world.sign_in()
    await world.directory.credentials.set_password(ROOT, world.ann.id, "another horse")
    with pytest.raises(Forbidden):
        await world.sign_in()
    assert (await world.sign_in("another horse")).generation == 1


async def test_what_one_tenant_has_proved_says_nothing_about_another(
    world: SignInWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A5: the same password, remembered for one account, is looked at anew for another one."""
    seen: list[bytes] = []
    passwords = world.directory.credentials.passwords
    remember = passwords.remember

    def note(digest: bytes, now_ms: int) -> None:
        seen.append(digest)
        remember(digest, now_ms)

    monkeypatch.setattr(passwords, "remember", note)
    await world.directory.tenants.add(ROOT, "beta")
    await world.directory.domains.add(
        ROOT, "b.example", tenant=(await world.directory.tenants.get("beta")).id
    )
    await world.directory.accounts.add(ROOT, address("ann@b.example"), PASSWORD)
    first = await world.sign_in()
    second = await world.sign_in(name="ann@b.example")
    assert (first.tenant, len(set(seen))) == (DEFAULT_TENANT, 2)
    assert second.tenant != first.tenant
    await world.directory.credentials.set_password(ROOT, second.account, "another horse")
    assert await outcome(world, name="ann@b.example") == "name or password is wrong"
    assert (await world.sign_in()).account == first.account


async def test_the_same_name_and_password_in_two_tenants_are_two_people(world: SignInWorld) -> None:
    """A5: what is remembered is of one tenant, account, mechanism and generation; secrets open their own."""
    await world.directory.tenants.add(ROOT, "beta")
    beta = (await world.directory.tenants.get("beta")).id
    await world.directory.domains.add(ROOT, "b.example", tenant=beta)
    other = await world.add("ann@b.example")
    _, app = await world.directory.credentials.app_passwords.add(ROOT, other.id, "phone")
    for _ in range(2):  # the second time from memory
        assert (await world.sign_in()).tenant == DEFAULT_TENANT
        assert (await world.sign_in(name="ann@b.example")).tenant == beta
    assert (await world.sign_in(app, name="ann@b.example")).secret
    assert await outcome(world, app) == "name or password is wrong"
    proof = ScramProof("SCRAM-SHA-256", NAME, "", (await world.sign_in(app, name="ann@b.example")).secret, 0)
    with pytest.raises(Forbidden):
        await world.directory.authenticate(proof, peer=PEER, protocol="imap")
    await world.run("UPDATE tenants SET state = 'suspended' WHERE id = ?1", beta)
    assert await outcome(world, name="ann@b.example") == "name or password is wrong"
    assert (await world.sign_in()).account == world.ann.id
    await world.run("UPDATE tenants SET state = 'active' WHERE id = ?1", beta)
    await world.run("UPDATE credentials SET verifier = 'none' WHERE account = ?1", other.id)
    assert await outcome(world, name="ann@b.example") == "name or password is wrong"  # another verifier


async def test_a_removed_account_is_not_remembered(world: SignInWorld) -> None:
    await world.sign_in()
    await world.directory.accounts.remove(ROOT, address(NAME))
    with pytest.raises(Forbidden):
        await world.sign_in()


async def test_a_right_password_is_hashed_anew_when_parameters_changed(world: SignInWorld) -> None:
    """RFC 9106 section 4: parameters are meant to grow."""
    stronger = world.another(replace(CHEAP, argon2_time_cost=2))
    for _ in range(2):
        await stronger.authenticate(Credentials(NAME, "", PASSWORD), peer=PEER, protocol="smtp")
    ((verifier,),) = await world.rows("SELECT verifier FROM credentials")
    assert ",t=2," in str(verifier)
    assert await world.generation() == 0  # nobody is thrown out by that


async def test_an_imported_hash_signs_in_and_becomes_ours(world: SignInWorld) -> None:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    await world.directory.credentials.set_imported(ROOT, world.ann.id, "{BLF-CRYPT}" + hashed)
    assert await world.rows("SELECT 1 FROM scram_keys") == []
    assert await outcome(world, "wrong horse") == "name or password is wrong"
    await world.sign_in()
    ((verifier,),) = await world.rows("SELECT verifier FROM credentials")
    assert str(verifier).startswith("$argon2id$")
    assert await world.rows("SELECT secret, mechanism FROM scram_keys") == [(0, "SCRAM-SHA-256")]
    assert (await world.sign_in()).generation == 1


async def test_a_hash_that_costs_too_much_is_wrong_and_costs_nothing(world: SignInWorld) -> None:
    await world.run("UPDATE credentials SET verifier = ?1", "$6$rounds=999999999$salt$" + "a" * 86)
    assert await outcome(world) == "name or password is wrong"


async def test_a_right_password_is_enough_while_nothing_can_be_written(
    world: SignInWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    stronger = world.another(replace(CHEAP, argon2_time_cost=2))
    before = await world.rows("SELECT verifier FROM credentials")

    async def refuse(*_: object) -> None:
        raise TemporaryFailure("the store is being moved")

    monkeypatch.setattr(stronger._ground.changes, "run", refuse)
    await stronger.authenticate(Credentials(NAME, "", PASSWORD), peer=PEER, protocol="imap")
    assert await world.rows("SELECT verifier FROM credentials") == before


async def test_tokens_open_what_they_are_for(world: SignInWorld) -> None:
    """RFC 7628."""
    tokens = world.directory.credentials.tokens
    token = await tokens.issue(world.ann.id, "app", ["imap", "smtp"], 60)
    principal = await world.directory.authenticate(
        BearerToken("OAUTHBEARER", "", token), peer=PEER, protocol="smtp"
    )
    assert (principal.name, principal.mechanism) == (NAME, "token")
    for evidence, protocol in (
        (BearerToken("OAUTHBEARER", "", token), "jmap"),
        (BearerToken("OAUTHBEARER", "eve@a.example", token), "imap"),
        (BearerToken("OAUTHBEARER", NAME, token + "x"), "imap"),
        (External(""), "imap"),
    ):
        with pytest.raises(Forbidden, match=r"^name or password is wrong$"):
            await world.directory.authenticate(evidence, peer=PEER, protocol=protocol)
    world.clock.ms += 60_000
    with pytest.raises(Forbidden):
        await world.directory.authenticate(BearerToken("XOAUTH2", NAME, token), peer=PEER, protocol="imap")


async def test_wrong_tokens_are_limited_and_right_ones_are_not(world: SignInWorld) -> None:
    token = await world.directory.credentials.tokens.issue(world.ann.id, "app", ["imap"], 60)
    for _ in range(10):
        with pytest.raises(Forbidden):
            await world.directory.authenticate(BearerToken("X", NAME, "guess"), peer=PEER, protocol="imap")
    with pytest.raises(TooManyAttempts):
        await world.directory.authenticate(BearerToken("X", NAME, "guess"), peer=PEER, protocol="imap")
    await world.directory.authenticate(BearerToken("X", NAME, token), peer=PEER, protocol="imap")


async def test_an_owner_proves_his_password_within_the_limits(world: SignInWorld) -> None:
    logins: Logins = world.directory.logins
    principal = await world.sign_in()
    assert await logins.prove(principal, PASSWORD, peer=PEER)
    for number in range(10):
        assert not await logins.prove(principal, f"wrong horse {number}", peer=PEER)
    with pytest.raises(TooManyAttempts):
        await logins.prove(principal, PASSWORD, peer=PEER)


async def test_a_proof_of_an_older_generation_is_worth_nothing(world: SignInWorld) -> None:
    proof = ScramProof("SCRAM-SHA-256", NAME, "", 0, 0)
    assert (
        await world.directory.authenticate(proof, peer=PEER, protocol="imap")
    ).mechanism == "scram-password"
    await world.directory.credentials.set_password(ROOT, world.ann.id, "another horse")
    for wrong in (proof, replace(proof, secret=None), replace(proof, authentication_id="eve@a.example")):
        with pytest.raises(Forbidden):
            await world.directory.authenticate(wrong, peer=PEER, protocol="imap")


@pytest.mark.parametrize("name", [NAME, "nobody@a.example"])
async def test_the_same_wrong_password_twice_at_once_takes_the_same_for_all_names(
    world: SignInWorld, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A2: found in review, the second guess waited for the first only where the name exists."""
    passwords = world.directory.credentials.passwords
    check, order = passwords.check, list[str]()

    async def noted(password: str, verifier: str | None) -> bool:
        order.append("begun")
        try:
            return await check(password, verifier)
        finally:
            order.append("ended")

    async def wrong() -> None:
        with pytest.raises(Forbidden):
            await world.sign_in("wrong horse", name=name)

    await wrong()  # what is known of the name is remembered now
    monkeypatch.setattr(passwords, "check", noted)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wrong)
        nursery.start_soon(wrong)
    assert order == ["begun", "ended"] * 2
