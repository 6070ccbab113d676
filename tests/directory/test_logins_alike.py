"""logins: a right secret that does not do looks, counts and costs like a wrong one (A2), on both engines."""

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple

import pytest
from tests.support.directories import CHEAP
from tests.support.logs import captured
from tests.support.said import Say
from tests.support.second_factor import put_factor
from tests.support.sign_in_world import NAME, PASSWORD, PEER, ROOT, SignInWorld, make_sign_in_world
from tests.support.stores import Opened

from pymailcore.base.errors import Forbidden
from pymailcore.directory.directory import Directory
from pymailcore.directory.errors import TooManyAttempts
from pymailcore.sasl.steps import BearerToken, Credentials, Evidence, NeedKeys, ScramProof

NEAR = "198.51.100.7"
MINUTE_MS = 60_000


@pytest.fixture
async def world(opened: Opened) -> SignInWorld:
    return await make_sign_in_world(opened)


class Case(NamedTuple):
    """A right secret that does not do.

    Attributes:
        bar: makes it so; gives the secret.
        reason: what the log says of it.
    """

    bar: Callable[[SignInWorld], Awaitable[str]]
    reason: str
    authorization_id: str = ""


def by_sql(sql: str) -> Callable[[SignInWorld], Awaitable[str]]:
    async def bar(world: SignInWorld) -> str:
        await world.run(sql, world.ann.id)
        return PASSWORD

    return bar


async def as_it_is(_world: SignInWorld) -> str:
    return PASSWORD


async def with_factor(world: SignInWorld) -> str:
    await put_factor(world.directory, world.ann.id, world.clock.ms)
    return PASSWORD


async def with_old_app_password(world: SignInWorld) -> str:
    _, text = await world.directory.credentials.app_passwords.add(
        ROOT, world.ann.id, "phone", expires_ms=world.clock.ms + 1
    )
    world.clock.ms += 1
    return text


async def with_app_password_of_suspended(world: SignInWorld) -> str:
    _, text = await world.directory.credentials.app_passwords.add(ROOT, world.ann.id, "phone")
    await world.run("UPDATE accounts SET state = 'suspended' WHERE id = ?1", world.ann.id)
    return text


CASES = {
    "account": Case(
        by_sql("UPDATE accounts SET state = 'suspended' WHERE id = ?1"), "the account is suspended"
    ),
    "domain": Case(
        by_sql("UPDATE domains SET state = 'suspended' WHERE id <> ?1"), "the domain is suspended"
    ),
    "tenant": Case(by_sql("UPDATE tenants SET state = 'closing' WHERE id <> ?1"), "the tenant is closing"),
    "shared": Case(by_sql("UPDATE accounts SET kind = 'shared' WHERE id = ?1"), "the account is shared"),
    "factor": Case(with_factor, "the account has a second factor"),
    "expired": Case(with_old_app_password, "the app password has expired"),
    "app password": Case(with_app_password_of_suspended, "the account is suspended"),
    "for another": Case(as_it_is, "he wants to act as somebody else", authorization_id="root@a.example"),
}


async def told(directory: Directory, evidence: Evidence, peer: str) -> tuple[str, float]:
    """What somebody is told, and how long he waits for it."""
    text = ""
    try:
        await directory.authenticate(evidence, peer=peer, protocol="imap")
    except (Forbidden, TooManyAttempts) as caught:
        text = str(caught)
    return text, directory.failure_pause_seconds(peer)


def count_hashes(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that are hashed from now on."""
    passwords, hashed = directory.credentials.passwords, list[str]()
    check, verifier = passwords.check, passwords.verifier

    async def noted(password: str, kept: str | None) -> bool:
        hashed.append("check")
        return await check(password, kept)

    async def made(password: str) -> str:
        hashed.append("make")
        return await verifier(password)

    monkeypatch.setattr(passwords, "check", noted)
    monkeypatch.setattr(passwords, "verifier", made)
    return hashed


@pytest.mark.parametrize("kind", CASES)
async def test_a_right_secret_that_does_not_do_is_a_wrong_one_to_whoever_shows_it(
    world: SignInWorld, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Texts, pauses, limits and hashes of twelve tries in a row; the reason is in the log only."""
    case = CASES[kind]
    directories = {"right": world.another(), "wrong": world.another()}
    for directory in directories.values():  # it is remembered as right
        await directory.authenticate(Credentials(NAME, "", PASSWORD), peer=NEAR, protocol="imap")
    secret = await case.bar(world)
    seen: dict[str, list[tuple[str, float]]] = {}
    hashes: dict[str, list[str]] = {}
    with captured() as lines:
        for name, shown, net in (("right", secret, 1), ("wrong", "wrong horse", 2)):
            directory = directories[name]
            directory.forget()
            hashes[name] = count_hashes(directory, monkeypatch)
            evidence = Credentials(NAME, case.authorization_id, shown)
            seen[name] = [await told(directory, evidence, f"10.{net}.0.1") for _ in range(12)]
    assert seen["right"] == seen["wrong"]
    assert [text for text, _ in seen["right"]] == ["name or password is wrong"] * 10 + [
        "too many failed logins"
    ] * 2
    assert seen["right"][9][1] == 8.0
    assert hashes["right"] == hashes["wrong"] == ["check"] * 10
    reasons = [(line["peer"], line["reason"]) for line in lines if line["event"] == "login failed"]
    assert reasons[0] == ("10.1.0.1", case.reason)
    assert reasons[12] == ("10.2.0.1", "wrong")


@pytest.mark.parametrize("kind", ["account", "factor"])
async def test_what_does_not_do_is_not_hashed_anew(
    world: SignInWorld, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """That would take the time of a second hash, and would write."""
    await CASES[kind].bar(world)
    directory = world.another(replace(CHEAP, argon2_time_cost=2))  # what is kept is outdated
    hashed = count_hashes(directory, monkeypatch)
    assert (await told(directory, Credentials(NAME, "", PASSWORD), PEER))[0] == "name or password is wrong"
    assert hashed == ["check"]


@pytest.mark.parametrize("bar", [None, "UPDATE accounts SET state = 'suspended' WHERE id = ?1"])
async def test_proofs_and_tokens_that_do_not_do_count(world: SignInWorld, bar: str | None) -> None:
    """SCRAM with an authorization id of somebody else, a token for another protocol, both of who may not."""
    token = await world.directory.credentials.tokens.issue(world.ann.id, "app", ["smtp"], 60)
    if bar:
        await world.run(bar, world.ann.id)
    other = "" if bar else "root@a.example"
    shown: tuple[Evidence, ...] = (
        ScramProof("SCRAM-SHA-256", NAME, other, 0, 0),
        BearerToken("OAUTHBEARER", NAME, token),
    )
    for net, evidence in enumerate(shown):
        directory, peer = world.another(), f"10.{net}.0.1"
        answers = [await told(directory, evidence, peer) for _ in range(11)]
        assert [text for text, _ in answers] == ["name or password is wrong"] * 10 + [
            "too many failed logins"
        ]
        assert answers[0][1] == 1.0


async def test_an_old_program_does_not_lock_its_owner_out(world: SignInWorld) -> None:
    """The password alone, again and again from where the owner is; he goes on with an app password."""
    _, app = await world.directory.credentials.app_passwords.add(ROOT, world.ann.id, "phone")
    await world.sign_in(peer=NEAR)
    await put_factor(world.directory, world.ann.id, world.clock.ms)
    for number in range(60):
        evidence = Credentials(NAME, "", PASSWORD if number % 2 else "an older one")
        text, pause = await told(world.directory, evidence, NEAR)
        assert (text, pause >= 1.0) == ("name or password is wrong", True)
        assert (await world.sign_in(app, peer=NEAR)).mechanism == "app-password"
    with pytest.raises(Forbidden, match="second factor"):
        await world.sign_in(protocol="web", peer=NEAR)


async def test_an_old_program_that_uses_scram_does_not_lock_its_owner_out(world: SignInWorld) -> None:
    """What fits keys that are kept is no guess; proofs that fit none are guesses, each of them."""
    made, app = await world.directory.credentials.app_passwords.add(
        ROOT, world.ann.id, "phone", protocols=["smtp"]
    )
    await world.sign_in(peer=NEAR)
    await put_factor(world.directory, world.ann.id, world.clock.ms)
    need = NeedKeys("SCRAM-SHA-256", NAME)
    generation = (await world.directory.scram_keys(need, peer=NEAR, protocol="imap")).generation
    right = ScramProof("SCRAM-SHA-256", NAME, "", 0, generation)
    with captured() as lines:
        for number in range(40):
            proof = right if number % 2 else replace(right, secret=made.id)
            assert (await told(world.directory, proof, NEAR))[0] == "name or password is wrong"
    assert {line["reason"] for line in lines if line["event"] == "login failed"} == {
        "the account has a second factor",
        "the app password is not for this protocol",
    }
    assert (await world.sign_in(app, peer=NEAR, protocol="smtp")).mechanism == "app-password"
    for _ in range(8):
        assert (await told(world.directory, replace(right, secret=None), NEAR))[0].startswith("name")
    assert (await told(world.directory, replace(right, secret=None), NEAR))[0] == "too many failed logins"


async def test_what_is_shown_again_is_one_failure_in_a_known_net_only(world: SignInWorld) -> None:
    """Guesses are other ones each time; where nobody has signed in, the same one counts each time, too."""
    await world.sign_in(peer=NEAR)
    for _ in range(20):
        assert (await told(world.directory, Credentials(NAME, "", "x"), NEAR))[0].startswith("name")
    for number in range(9):
        assert (await told(world.directory, Credentials(NAME, "", f"{number}"), NEAR))[0].startswith("name")
    assert (await told(world.directory, Credentials(NAME, "", "9"), NEAR))[0] == "too many failed logins"
    for _ in range(10):
        await told(world.directory, Credentials(NAME, "", "x"), "10.9.0.1")
    assert (await told(world.directory, Credentials(NAME, "", "x"), "10.9.0.1"))[0].startswith("too many")


async def test_half_a_sign_in_makes_no_net_known(world: SignInWorld) -> None:
    """Who has the password and not the factor is not let past the account's own limit."""
    await put_factor(world.directory, world.ann.id, world.clock.ms)
    with pytest.raises(Forbidden):
        await world.sign_in(protocol="web", peer="10.200.0.1")
    for number in range(10):
        await told(world.directory, Credentials(NAME, "", f"{number}"), f"10.{number}.0.1")
    assert (await told(world.directory, Credentials(NAME, "", "x"), "10.200.0.1"))[0].startswith("too many")


# --- time -----------------------------------------------------------------------------------------


async def medians(directory: Directory, shown: dict[str, Credentials], rounds: int) -> dict[str, float]:
    """How long each of some failures takes, in turn."""
    times: dict[str, list[float]] = {name: [] for name in shown}
    for number in range(rounds):
        for name, evidence in shown.items() if number % 2 else reversed(shown.items()):
            began = time.perf_counter()
            with pytest.raises(Forbidden):
                await directory.authenticate(evidence, peer=f"10.0.{number % 250}.1", protocol="imap")
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in times.items()}


@pytest.mark.parametrize(
    ("rounds", "most"),
    [
        pytest.param(60, 1.5, id="60"),
        pytest.param(2_000, 1.15, marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
)
async def test_whatever_is_wrong_takes_the_same_time(
    opened: Opened, rounds: int, most: float, say: Say
) -> None:
    """A2: as ratios of medians within one run, whatever else the machine does."""
    settings = replace(CHEAP, argon2_memory_kib=4_096, failures_per_minute=10**6, failures_per_day=10**6)
    world = await make_sign_in_world(opened, settings)
    for name in ("put@a.example", "two@a.example"):
        await world.add(name)
    await world.run("UPDATE accounts SET state = 'suspended' WHERE name = 'put@a.example'")
    two = await world.add("both@a.example")
    await put_factor(world.directory, two.id, world.clock.ms)
    found = await medians(
        world.directory,
        {
            "wrong": Credentials(NAME, "", "wrong horse"),
            "unknown name": Credentials("nobody@a.example", "", PASSWORD),
            "unknown domain": Credentials("ann@nowhere.example", "", PASSWORD),
            "suspended, right": Credentials("put@a.example", "", PASSWORD),
            "suspended, wrong": Credentials("put@a.example", "", "wrong horse"),
            "factor, right": Credentials("both@a.example", "", PASSWORD),
            "factor, wrong": Credentials("both@a.example", "", "wrong horse"),
        },
        rounds,
    )
    ratios = {name: value / found["wrong"] for name, value in found.items()}
    say("A2: " + ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items()))
    assert {name: ratio for name, ratio in ratios.items() if not 1 / most < ratio < most} == {}


@pytest.mark.parametrize("name", ["nobody@a.example", "ann@nowhere.example", "put@a.example", "no address"])
async def test_what_scram_tells_of_a_name_is_the_same_each_time(world: SignInWorld, name: str) -> None:
    """A2, RFC 5802 section 5.1: octets of names that nobody has, or who may not, over days and restarts."""
    await world.add("put@a.example")
    before = await world.directory.scram_keys(NeedKeys("SCRAM-SHA-256", name), peer=PEER, protocol="imap")
    await world.run("UPDATE accounts SET state = 'suspended' WHERE name = 'put@a.example'")
    seen = []
    for directory in (world.directory, world.another(), world.another()):
        world.clock.ms += 86_400_000
        keys = await directory.scram_keys(NeedKeys("SCRAM-SHA-256", name), peer=PEER, protocol="imap")
        seen.append(keys)
    assert seen[0] == seen[1] == seen[2]
    assert [(keys.salt, keys.iterations) for keys in seen] == [(before.salt, before.iterations)] * 3
    ann = await world.directory.scram_keys(NeedKeys("SCRAM-SHA-256", NAME), peer=PEER, protocol="imap")
    assert (len(ann.salt), ann.iterations) == (len(before.salt), before.iterations)
