"""What lets accounts sign in beside their passwords, and where they are signed in.

Secrets that are made here are in the answer of that one call, and nowhere else.
"""

from pymailcore.admin import finders
from pymailcore.admin.operation import (
    Arguments,
    Call,
    Found,
    Operation,
    Page,
    Record,
    maybe_moment,
    moment,
    page,
    read_moment,
)
from pymailcore.base.errors import NotFound
from pymailcore.base.ids import decode_id, encode_id
from pymailcore.directory.app_passwords import AppPassword
from pymailcore.directory.permissions import Permission
from pymailcore.directory.presences import place_of
from pymailcore.store.types import Transaction

SECRET = "p"  # noqa: S105 - first letter of the id of an app password
FACTOR = "f"
"""First letter of the id of a second factor."""


class Named(Arguments):
    """One account by its address."""

    account: str


class Live(Page):
    """Connections that are signed in: of one account, or all that one may see."""

    account: str | None = None


class Session(Arguments):
    """One web session of an account; without `session` all of them, but `keep` if one is named."""

    account: str
    session: str | None = None
    keep: str | None = None


class NewAppPassword(Arguments):
    """An app password that is to be made: for which protocols and from which networks, empty for all."""

    account: str
    name: str
    protocols: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    read_only: bool = False
    expires: str | None = None


class One(Arguments):
    """One thing of an account, by the id that its list gives."""

    account: str
    id: str


class NewCertificate(Arguments):
    """A certificate that is to sign in, in PEM form."""

    account: str
    name: str
    certificate: str


async def _sessions(call: Call, _given: Named) -> Record:
    found = await call.directory.web_sessions.of(call.account)
    items: list[Record] = [
        {
            "session": session.digest,
            "created": moment(session.created_ms),
            "last_used": moment(session.last_used_ms),
            "expires": moment(session.expires_ms),
            "peer": session.peer,
            "user_agent": session.user_agent,
        }
        for session in found
    ]
    return {"items": items}


async def _sign_ins(call: Call, _given: Named) -> Record:
    items: list[Record] = [
        {
            "protocol": one.protocol,
            "mechanism": one.mechanism,
            "peer": one.peer,
            "first": moment(one.first_ms),
            "last": moment(one.last_ms),
            "times": one.times,
        }
        for one in await call.directory.sign_ins.of(call.account)
    ]
    return {"items": items}


async def _live(call: Call, given: Live) -> Record:
    found = await call.directory.connected(
        call.view,
        None if given.account is None else call.account,
        after=given.after,
        limit=given.limit,
    )
    items: list[Record] = [
        {
            "id": place_of(one),
            "account": one.name,
            "protocol": one.protocol,
            "peer": one.peer,
            "client": one.client,
            "mechanism": one.mechanism,
            "since": moment(one.since_ms),
        }
        for one in found
    ]
    return page(items, given.limit, "id")


async def _named_account(tx: Transaction, given: Live) -> Found | None:
    return None if given.account is None else await finders.account_named(tx, given.account)


async def _end_session(call: Call, given: Session) -> Record:
    if given.session is None:
        await call.directory.web_sessions.end_all(call.actor, call.account, but=given.keep)
    else:
        await call.directory.web_sessions.remove(call.actor, call.account, given.session)
    return {}


async def _app_passwords(call: Call, _given: Named) -> Record:
    found = await call.directory.credentials.app_passwords.of(call.account)
    return {"items": [_app_password(one) for one in found]}


async def _add_app_password(call: Call, given: NewAppPassword) -> Record:
    made, text = await call.directory.credentials.app_passwords.add(
        call.actor,
        call.account,
        given.name,
        protocols=given.protocols,
        networks=given.networks,
        read_only=given.read_only,
        expires_ms=read_moment(given.expires),
    )
    return {**_app_password(made), "password": text}


async def _remove_app_password(call: Call, given: One) -> Record:
    number = _number(SECRET, given.id, "app password")
    await call.directory.credentials.app_passwords.remove(call.actor, call.account, number)
    return {}


async def _factors(call: Call, _given: Named) -> Record:
    found = await call.directory.credentials.second_factors.of(call.account)
    items: list[Record] = [
        {
            "id": encode_id(FACTOR, one.id),
            "kind": one.kind,
            "name": one.name,
            "created": moment(one.created_ms),
            "last_used": maybe_moment(one.last_used_ms),
        }
        for one in found.factors
    ]
    return {"items": items, "recovery_codes": found.recovery_codes}


async def _remove_factor(call: Call, given: One) -> Record:
    number = _number(FACTOR, given.id, "second factor")
    await call.directory.credentials.second_factors.remove(call.actor, call.account, number)
    return {}


async def _remove_factors(call: Call, _given: Named) -> Record:
    await call.directory.credentials.second_factors.remove_all(call.actor, call.account)
    return {}


async def _certificates(call: Call, _given: Named) -> Record:
    found = await call.directory.credentials.certificates.of(call.account)
    items: list[Record] = [
        {
            "id": one.digest,
            "name": one.name,
            "created": moment(one.created_ms),
            "expires": maybe_moment(one.expires_ms),
            "last_used": maybe_moment(one.last_used_ms),
        }
        for one in found
    ]
    return {"items": items}


async def _add_certificate(call: Call, given: NewCertificate) -> Record:
    made = await call.directory.credentials.certificates.add(
        call.actor, call.account, given.name, given.certificate.encode()
    )
    return {"id": made.digest, "name": made.name, "expires": maybe_moment(made.expires_ms)}


async def _remove_certificate(call: Call, given: One) -> Record:
    await call.directory.credentials.certificates.remove(call.actor, call.account, given.id)
    return {}


def _number(kind: str, text: str, what: str) -> int:
    number = decode_id(kind, text)
    if number is None:
        raise NotFound(f"no such {what}")
    return number


def _app_password(one: AppPassword) -> Record:
    return {
        "id": encode_id(SECRET, one.id),
        "name": one.name,
        "protocols": list(one.protocols),
        "networks": list(one.networks),
        "read_only": one.read_only,
        "created": moment(one.created_ms),
        "expires": maybe_moment(one.expires_ms),
        "last_used": maybe_moment(one.last_used_ms),
        "last_peer": one.last_peer,
    }


_READ = Permission.APP_PASSWORD_READ
_WRITE = Permission.APP_PASSWORD_WRITE
_FACTORS = Permission.ACCOUNT_FACTORS
_OWN = Permission.OWN_CREDENTIALS
_SESSIONS = Permission.OWN_SESSIONS
_ACCOUNT = (finders.account,)

OPERATIONS = (
    Operation(name="session.list", permission=Permission.SESSION_READ, own=_SESSIONS, arguments=Named,
              run=_sessions, finders=_ACCOUNT),
    Operation(name="session.live", permission=Permission.SESSION_READ, own=_SESSIONS, arguments=Live,
              run=_live, filters=(_named_account,)),
    Operation(name="session.end", permission=Permission.SESSION_END, own=_SESSIONS, arguments=Session,
              run=_end_session, finders=_ACCOUNT),
    Operation(name="sign-in.list", permission=Permission.SESSION_READ, own=_SESSIONS, arguments=Named,
              run=_sign_ins, finders=_ACCOUNT),
    Operation(name="app-password.list", permission=_READ, own=_OWN, arguments=Named, run=_app_passwords,
              finders=_ACCOUNT),
    Operation(name="app-password.add", permission=_WRITE, own=_OWN, arguments=NewAppPassword,
              run=_add_app_password, finders=_ACCOUNT, guarded=True),
    Operation(name="app-password.remove", permission=_WRITE, own=_OWN, arguments=One,
              run=_remove_app_password, finders=_ACCOUNT, guarded=True),
    Operation(name="factor.list", permission=_READ, own=_OWN, arguments=Named, run=_factors,
              finders=_ACCOUNT),
    Operation(name="factor.remove", permission=_FACTORS, own=_OWN, arguments=One, run=_remove_factor,
              finders=_ACCOUNT, guarded=True),
    Operation(name="factor.reset", permission=_FACTORS, arguments=Named, run=_remove_factors,
              finders=_ACCOUNT, guarded=True),
    Operation(name="certificate.list", permission=_READ, own=_OWN, arguments=Named, run=_certificates,
              finders=_ACCOUNT),
    Operation(name="certificate.add", permission=_WRITE, own=_OWN, arguments=NewCertificate,
              run=_add_certificate, finders=_ACCOUNT, guarded=True),
    Operation(name="certificate.remove", permission=_WRITE, own=_OWN, arguments=One,
              run=_remove_certificate, finders=_ACCOUNT, guarded=True),
)  # fmt: skip
"""All of this module."""
