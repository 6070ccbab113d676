"""Commands that need no Mailbox: CAPABILITY, ID, ENABLE, NOOP, LOGOUT, STARTTLS and logging in.

Standards: RFC 3501 sections 6.1, 6.2 and 11.1; RFC 2971 section 3; RFC 4959 section 3; RFC 5161 section 3;
RFC 5530 section 3; RFC 8314 section 4.1 (no password in clear).
"""

from typing import Final

import trio

from pymailcore.base.errors import Forbidden, TemporaryFailure
from pymailcore.directory.errors import TooManyAttempts
from pymailcore.imap.capabilities import capabilities
from pymailcore.imap.errors import UNAVAILABLE
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.enabled import SWITCHES
from pymailcore.imap.protocol.responses import Status, bad, bye, no, ok, string
from pymailcore.imap.session import Session
from pymailcore.sasl.steps import (
    Challenge,
    Credentials,
    Evidence,
    Failed,
    Mechanism,
    NeedKeys,
    ScramKeys,
    Step,
    Succeeded,
)

PROTOCOL: Final = "imap"
_PRIVACY: Final = no("Start TLS first", b"PRIVACYREQUIRED")
_WRONG: Final = no("Wrong name or password", b"AUTHENTICATIONFAILED")


def greeting(session: Session) -> Status:
    """Greet a client."""
    return ok("pymailcore is ready", b"CAPABILITY " + capabilities(session))


async def capability(session: Session, _command: c.Capability) -> Status:
    """CAPABILITY."""
    await session.send(b"* CAPABILITY %b\r\n" % capabilities(session))
    return ok("Done")


async def noop(_session: Session, _command: c.Noop) -> Status:
    """NOOP: what has changed is told after every command."""
    return ok("Done")


async def identify(session: Session, command: c.Id) -> Status:
    """ID: keep what the client says for the log, give our name and no version."""
    session.log.info("client says who it is", fields=dict(command.fields))
    names = [name.lower().encode("utf-8", "replace") for name, _ in command.fields]
    session.services.claims.look_at_fields(session.peer, PROTOCOL, names)
    said = {name.lower(): value for name, value in command.fields}
    session.client = f"{said.get('name', '')} {said.get('version', '')}".strip()
    if session.place is not None:
        session.place.client = session.client
    await session.send(b'* ID ("name" %b)\r\n' % string(b"pymailcore"))
    return ok("Done")


async def enable(session: Session, command: c.Enable) -> Status:
    """ENABLE: an unknown name is no fault, and what is on already stays on."""
    done = b""
    told_modseqs = session.enabled.condstore
    for name in command.capabilities:
        if (switch := SWITCHES.get(name)) is not None:
            name_announced, turn_on = switch
            turn_on(session.enabled)
            done += b" " + name_announced
    await session.send(b"* ENABLED%b\r\n" % done)
    if session.view is not None and session.enabled.condstore and not told_modseqs:  # RFC 7162 section 3.1
        await session.send(session.view.highest_modseq())
    return ok("Done")


async def logout(session: Session, _command: c.Logout) -> Status:
    """LOGOUT."""
    await session.send(bye("Good bye").encode())
    return ok("Done")


async def start_tls(session: Session, _command: c.StartTls) -> Status:
    """STARTTLS: the driver takes TLS up behind the answer and begins a new core."""
    if not session.may_start_tls:
        return bad("TLS is on already" if session.secure else "TLS is not offered here")
    session.upgrade = True
    return ok("Begin TLS now")


async def login(session: Session, command: c.Login) -> Status:
    """LOGIN."""
    if not session.offer.takes_passwords:
        return _PRIVACY
    session.mechanism_name = "LOGIN"
    refusal = await _check(session, Credentials(command.user, "", command.password))
    return _welcome(session) if refusal is None else refusal


async def authenticate(session: Session, command: c.Authenticate) -> Status | None:
    """AUTHENTICATE; None while the client is asked for more."""
    if not session.offer.names:
        return _PRIVACY
    session.mechanism_name = command.mechanism
    session.refusal = session.proven = None
    session.mechanism = session.offer.begin(command.mechanism)
    if session.mechanism is None:
        return no("Unknown mechanism", b"CANNOT")
    return await _follow(session, session.mechanism, session.mechanism.start(command.initial))


async def respond(session: Session, octets: bytes) -> Status | None:
    """Take a response of the client; None while it is asked for more."""
    if session.refusal is not None:
        return session.refusal
    if session.mechanism is None:
        raise RuntimeError("a response outside of an exchange")
    return await _follow(session, session.mechanism, session.mechanism.respond(octets))


async def _follow(session: Session, mechanism: Mechanism, step: Step) -> Status | None:
    """Do what a step of the exchange asks for."""
    match step:
        case Challenge(octets):
            session.protocol.challenge(octets)
            return None
        case NeedKeys():
            keys = await _keys(session, step)
            return (
                keys if isinstance(keys, Status) else await _follow(session, mechanism, mechanism.keys(keys))
            )
        case Failed(_, octets):
            return _refuse(session, octets, session.refusal or await _fail(session))
        case Succeeded():
            return _welcome(session)
    session.refusal = await _check(session, step)
    outcome = mechanism.accept() if session.refusal is None else mechanism.refuse()
    return await _follow(session, mechanism, outcome)


def _refuse(session: Session, octets: bytes | None, status: Status) -> Status | None:
    """End an exchange, once the client has been told why if the mechanism has words for it."""
    if octets is None or session.farewell is not None:
        return status
    session.refusal = status
    session.protocol.challenge(octets, cancelled=status)
    return None


async def _keys(session: Session, need: NeedKeys) -> ScramKeys | Status:
    try:
        return await session.services.directory.scram_keys(need, peer=session.peer, protocol=PROTOCOL)
    except TemporaryFailure as fault:
        return _put_off(session, fault)


async def _check(session: Session, evidence: Evidence) -> Status | None:
    """Put evidence to the directory; gives why it is refused, or None."""
    try:
        session.proven = await session.services.directory.authenticate(
            evidence,
            peer=session.peer,
            protocol=PROTOCOL,
            certificate=session.certificate,
            mechanism=session.mechanism_name,
        )
    except Forbidden:
        return await _fail(session)
    except TemporaryFailure as fault:
        return _put_off(session, fault)
    return None


def _welcome(session: Session) -> Status:
    """The client has logged in."""
    principal = session.principal = session.proven
    if principal is None:
        raise RuntimeError("an exchange succeeded and nobody was proven")
    session.services.metrics.logins.labels("imap", "ok").inc()
    session.log.info("logged in", account=principal.name, mechanism=session.mechanism_name)
    return ok("Logged in", b"CAPABILITY " + capabilities(session))


def _put_off(session: Session, fault: TemporaryFailure) -> Status:
    if not isinstance(fault, TooManyAttempts):  # of which the directory has told
        session.log.warning("login not possible", fault=repr(fault))
    session.services.metrics.logins.labels("imap", "throttled").inc()
    return UNAVAILABLE


async def _fail(session: Session) -> Status:
    """Answer a failed login late, and end the connection after a few."""
    session.failed_logins += 1
    session.services.metrics.logins.labels("imap", "wrong").inc()
    await trio.sleep(session.services.directory.failure_pause_seconds(session.peer))
    if session.failed_logins >= session.settings.failed_logins:
        session.farewell = bye("Too many failed logins")
    return _WRONG
