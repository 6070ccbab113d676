"""Commands that need no Mailbox: CAPABILITY, ID, ENABLE, NOOP, LOGOUT, STARTTLS and logging in.

Standards: RFC 3501 sections 6.1, 6.2 and 11.1; RFC 2971 section 3; RFC 4959 section 3; RFC 5161 section 3;
RFC 5530 section 3; RFC 8314 section 4.1 (no password in clear).
"""

from typing import Final

import trio

from pymailcore.base.errors import Forbidden, TemporaryFailure
from pymailcore.imap.errors import UNAVAILABLE
from pymailcore.imap.protocol import commands as c
from pymailcore.imap.protocol.responses import Status, bad, bye, no, ok, string
from pymailcore.imap.session import Session
from pymailcore.sasl.registry import MECHANISMS, new_mechanism
from pymailcore.sasl.steps import Challenge, Credentials, Failed, Step

BEFORE_LOGIN: Final = b"IMAP4rev1 LITERAL+ SASL-IR ID ENABLE"
AFTER_LOGIN: Final = (
    BEFORE_LOGIN
    + b" IDLE NAMESPACE UNSELECT UIDPLUS CHILDREN MOVE SPECIAL-USE ESEARCH SEARCHRES WITHIN SORT SORT=DISPLAY"
    b" ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES SEARCH=FUZZY PARTIAL SAVEDATE INPROGRESS METADATA"
    b" FILTERS"
)
"""Only what works completely is announced."""

_PRIVACY: Final = no("Start TLS first", b"PRIVACYREQUIRED")
_WRONG: Final = no("Wrong name or password", b"AUTHENTICATIONFAILED")


def capabilities(session: Session) -> bytes:
    """What this connection can do now."""
    if session.principal is not None:
        return AFTER_LOGIN
    names = [BEFORE_LOGIN]
    if session.may_start_tls:
        names.append(b"STARTTLS")
    if session.may_log_in:
        names += [b"AUTH=" + name.encode("ascii") for name in MECHANISMS]
    else:
        names.append(b"LOGINDISABLED")
    return b" ".join(names)


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
    await session.send(b'* ID ("name" %b)\r\n' % string(b"pymailcore"))
    return ok("Done")


async def enable(session: Session, _command: c.Enable) -> Status:
    """ENABLE: there is nothing yet that needs it, and an unknown name is no fault."""
    await session.send(b"* ENABLED\r\n")
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
    if not session.may_log_in:
        return _PRIVACY
    return await _check(session, Credentials(command.user, "", command.password))


async def authenticate(session: Session, command: c.Authenticate) -> Status | None:
    """AUTHENTICATE; None while the client is asked for more."""
    if not session.may_log_in:
        return _PRIVACY
    session.mechanism = new_mechanism(command.mechanism)
    if session.mechanism is None:
        return no("Unknown mechanism", b"CANNOT")
    return await _take(session, session.mechanism.start(command.initial))


async def respond(session: Session, octets: bytes) -> Status | None:
    """Take a response of the client; None while it is asked for more."""
    if session.mechanism is None:
        raise RuntimeError("a response outside of an exchange")
    return await _take(session, session.mechanism.respond(octets))


async def _take(session: Session, step: Step) -> Status | None:
    if isinstance(step, Challenge):
        session.protocol.challenge(step.octets)
        return None
    session.mechanism = None
    if isinstance(step, Failed):
        return await _fail(session, _WRONG)
    return await _check(session, step)


async def _check(session: Session, credentials: Credentials) -> Status:
    if credentials.authorization_id not in ("", credentials.authentication_id):
        return await _fail(session, no("You cannot act for others", b"AUTHORIZATIONFAILED"))
    try:
        principal = await session.services.directory.authenticate(
            credentials.authentication_id, credentials.password, peer=session.peer, protocol="imap"
        )
    except Forbidden:
        return await _fail(session, _WRONG)
    except TemporaryFailure as fault:
        session.log.warning("login not possible", fault=repr(fault))
        session.services.metrics.logins.labels("imap", "throttled").inc()
        return UNAVAILABLE
    session.principal = principal
    session.services.metrics.logins.labels("imap", "ok").inc()
    session.log.info("logged in", account=principal.name)
    return ok("Logged in", b"CAPABILITY " + AFTER_LOGIN)


async def _fail(session: Session, status: Status) -> Status:
    """Answer a failed login late, and end the connection after a few."""
    session.failed_logins += 1
    session.services.metrics.logins.labels("imap", "wrong").inc()
    session.log.info("login failed", failures=session.failed_logins)
    await trio.sleep(session.settings.failed_login_pause_seconds * session.failed_logins)
    if session.failed_logins >= session.settings.failed_logins:
        session.farewell = bye("Too many failed logins")
    return status
