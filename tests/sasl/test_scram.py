import base64
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.sasl import ScramClient, drive, keys_for

from pymailcore.base.errors import InvalidValue
from pymailcore.sasl.prepare import saslprep
from pymailcore.sasl.scram import Scram
from pymailcore.sasl.scram_keys import derive
from pymailcore.sasl.scram_messages import MAX_MESSAGE_OCTETS
from pymailcore.sasl.steps import (
    Challenge,
    Evidence,
    Failed,
    NeedKeys,
    ScramKey,
    ScramKeys,
    ScramProof,
    Step,
    Succeeded,
)

NONCE = b"3rfcNHYJY1ZVvWVs7j"
NOTHING: Mapping[str, bytes] = {}
EXPORTED = {"tls-exporter": b"e" * 32, "tls-server-end-point": b"s" * 32}
PENCIL = keys_for("SCRAM-SHA-256", "pencil")


def server(
    name: str = "SCRAM-SHA-256",
    bindings: Mapping[str, bytes] = NOTHING,
    *,
    plus: bool = False,
    nonce: bytes = NONCE,
) -> Scram:
    return Scram(name, nonce=nonce, bindings=bindings, plus_announced=plus)


def at_final(
    client: ScramClient, machine: Scram | None = None, keys: ScramKeys = PENCIL
) -> tuple[Scram, bytes]:
    """Play an exchange up to the client's last message."""
    machine = machine or server()
    assert isinstance(machine.start(client.first()), NeedKeys)
    challenge = machine.keys(keys)
    assert isinstance(challenge, Challenge)
    return machine, client.final(challenge.octets)


def tim(**options: object) -> ScramClient:
    return ScramClient("SCRAM-SHA-256", "tim", "pencil", **options)  # type: ignore[arg-type] # as given


@pytest.mark.parametrize(
    ("name", "client_first", "server_nonce", "salt", "server_first", "client_final", "server_final"),
    [
        (  # RFC 5802 section 5
            "SCRAM-SHA-1",
            b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            b"3rfcNHYJY1ZVvWVs7j",
            "QSXCR+Q6sek8bf92",
            b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (  # RFC 7677 section 3
            "SCRAM-SHA-256",
            b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ],
)
def test_the_examples_of_the_standards(
    name: str,
    client_first: bytes,
    server_nonce: bytes,
    salt: str,
    server_first: bytes,
    client_final: bytes,
    server_final: bytes,
) -> None:
    """RFC 5802 section 5, RFC 7677 section 3."""
    machine = server(name, nonce=server_nonce)
    assert machine.start(client_first) == NeedKeys(name, "user")
    key = ScramKey(0, *derive(name, "pencil", base64.b64decode(salt), 4096))
    assert machine.keys(ScramKeys(base64.b64decode(salt), 4096, (key,))) == Challenge(server_first)
    assert machine.respond(client_final) == ScramProof(name, "user", "", 0, 0)
    assert machine.accept() == Challenge(server_final)
    assert machine.respond(b"") == Succeeded()


def test_a_client_that_gives_no_initial_response_is_asked() -> None:
    """RFC 4422 section 5."""
    machine = server()
    assert machine.start(None) == Challenge(b"")
    assert isinstance(machine.respond(tim().first()), NeedKeys)


@pytest.mark.parametrize(
    ("password", "secret"), [("pencil", 0), ("app one", 1), ("app two", 2), ("none", None)]
)
def test_the_proof_says_which_secret_it_was(password: str, secret: int | None) -> None:
    keys = keys_for("SCRAM-SHA-256", "pencil", "app one", "app two")
    machine, final = at_final(
        ScramClient("SCRAM-SHA-256", "tim", password, authorization_id="a,b"), keys=keys
    )
    assert machine.respond(final) == ScramProof("SCRAM-SHA-256", "tim", "a,b", secret, 3)


def test_the_server_proves_itself_with_the_same_secret() -> None:
    """RFC 5802 section 3: ServerSignature."""
    client = ScramClient("SCRAM-SHA-256", "tim", "app one")
    machine, final = at_final(client, keys=keys_for("SCRAM-SHA-256", "pencil", "app one"))
    machine.respond(final)
    told = machine.accept()
    assert isinstance(told, Challenge)
    assert client.trusts(told.octets)
    assert not tim().trusts(told.octets)


def test_a_refused_client_is_told_so() -> None:
    """RFC 5802 section 7: server-error."""
    machine, final = at_final(ScramClient("SCRAM-SHA-256", "tim", "wrong"))
    assert isinstance(machine.respond(final), ScramProof)
    assert machine.refuse() == Failed("invalid-proof", b"e=invalid-proof")


def test_a_proof_that_fits_no_key_cannot_be_accepted() -> None:
    machine, final = at_final(ScramClient("SCRAM-SHA-256", "tim", "wrong"))
    machine.respond(final)
    with pytest.raises(ValueError, match="fits no key"):
        machine.accept()


def test_an_end_that_is_not_empty_fails() -> None:
    machine, final = at_final(tim())
    machine.respond(final)
    machine.accept()
    assert isinstance(machine.respond(b"more"), Failed)


@pytest.mark.parametrize("kind", list(EXPORTED))
def test_a_bound_exchange_succeeds_on_its_own_connection_only(kind: str) -> None:
    """RFC 5802 section 6, RFC 9266 section 2, RFC 5929 section 4."""
    for data, good in ((EXPORTED[kind], True), (b"x" * 32, False), (b"", False)):
        client = ScramClient("SCRAM-SHA-256-PLUS", "tim", "pencil", flag=f"p={kind}", binding=data)
        machine, final = at_final(client, server("SCRAM-SHA-256-PLUS", EXPORTED, plus=True))
        step = machine.respond(final)
        if good:
            assert step == ScramProof("SCRAM-SHA-256-PLUS", "tim", "", 0, 3)
        else:
            assert step == Failed("channel-bindings-dont-match", b"e=channel-bindings-dont-match")


@pytest.mark.parametrize(
    ("name", "flag", "plus", "error"),
    [
        ("SCRAM-SHA-256", "n", False, ""),
        ("SCRAM-SHA-256", "n", True, ""),
        ("SCRAM-SHA-256", "y", False, ""),
        ("SCRAM-SHA-256", "y", True, "server-does-support-channel-binding"),
        ("SCRAM-SHA-256", "p=tls-exporter", True, "channel-binding-not-supported"),
        ("SCRAM-SHA-256-PLUS", "p=tls-exporter", True, ""),
        ("SCRAM-SHA-256-PLUS", "p=tls-unique", True, "unsupported-channel-binding-type"),
        ("SCRAM-SHA-256-PLUS", "n", True, "channel-binding-not-supported"),
        ("SCRAM-SHA-256-PLUS", "y", True, "channel-binding-not-supported"),
    ],
)
def test_the_flag_must_fit_what_was_announced(name: str, flag: str, plus: bool, error: str) -> None:
    """RFC 5802 section 6: a removed -PLUS is noticed."""
    step = server(name, EXPORTED, plus=plus).start(tim(flag=flag).first())
    if error:
        assert step == Failed(error, b"e=" + error.encode())
    else:
        assert isinstance(step, NeedKeys)


def test_the_header_must_be_the_same_in_both_messages() -> None:
    """RFC 5802 section 5.1, attribute c."""
    machine, final = at_final(tim(flag="y"))
    changed = final.replace(b"c=eSws", b"c=biws")
    assert changed != final
    assert machine.respond(changed) == Failed("channel-bindings-dont-match", b"e=channel-bindings-dont-match")


def test_the_nonce_must_come_back_whole() -> None:
    """RFC 5802 section 5.1, attribute r."""
    machine, final = at_final(tim())
    for changed in (
        final.replace(NONCE, NONCE[:-1]),
        final.replace(NONCE, NONCE + b"x"),
        final.replace(b"rOp", b"rop"),
    ):
        assert changed != final
        assert isinstance(machine.respond(changed), Failed)
        machine, final = at_final(tim())


def test_a_proof_of_another_length_fails() -> None:
    machine, final = at_final(tim())
    assert isinstance(machine.respond(final[: final.index(b",p=")] + b",p=AAEC"), Failed)


@pytest.mark.parametrize(("extra", "good"), [(-1, True), (0, True), (1, False)])
def test_the_nonce_is_bounded(extra: int, good: bool) -> None:
    step = server().start(tim(nonce="x" * (256 + extra)).first())
    assert isinstance(step, NeedKeys) is good


def test_an_unknown_name_takes_the_same_course() -> None:
    """RFC 5802 section 9: nothing tells who exists before the end."""
    made_up = keys_for("SCRAM-SHA-256", "nobody knows")
    machine, final = at_final(ScramClient("SCRAM-SHA-256", "nobody", "pencil"), keys=made_up)
    assert machine.respond(final) == ScramProof("SCRAM-SHA-256", "nobody", "", None, 3)
    assert machine.refuse() == Failed("invalid-proof", b"e=invalid-proof")


def outcome(name: str, kept: str, given: str, who: str) -> Step:
    client = ScramClient(name, who, given)
    keys = keys_for(name.removesuffix("-PLUS"), kept)

    def respond(challenge: bytes) -> bytes:
        if not challenge:
            return client.first()
        if challenge.startswith(b"r="):
            return client.final(challenge)
        assert client.trusts(challenge)
        return b""

    def judge(evidence: Evidence) -> bool:
        assert isinstance(evidence, ScramProof)
        return evidence.secret is not None

    return drive(server(name), respond, lambda _: keys, judge)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["SCRAM-SHA-256", "SCRAM-SHA-1"]),
    st.text("aB1 é,=\u00ad\u00a0ß", min_size=1, max_size=12),
    st.text("aB1 é,=\u00ad\u00a0ß", min_size=1, max_size=12),
    st.booleans(),
)
def test_it_succeeds_if_and_only_if_the_passwords_are_equal(
    name: str, one: str, two: str, same: bool
) -> None:
    """RFC 5802 section 3; equal means equal once prepared."""
    given_one = one if same else two
    try:
        prepared = [saslprep(text, stored=True) for text in (one, given_one)]
    except InvalidValue:
        return
    if "" in prepared:
        return
    step = outcome(name, one, given_one, "tim,=é")
    assert isinstance(step, Succeeded) is (prepared[0] == prepared[1])


@given(st.binary(max_size=120), st.binary(max_size=120))
def test_no_message_raises(first: bytes, final: bytes) -> None:
    machine = server()
    assert isinstance(machine.start(first), NeedKeys | Failed)
    machine, _ = at_final(tim())
    assert isinstance(machine.respond(final), Failed)


def test_a_long_message_fails() -> None:
    assert isinstance(server().start(b"n,,n=u,r=" + b"x" * MAX_MESSAGE_OCTETS), Failed)
