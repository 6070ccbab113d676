"""What only the owner of an account does: change his password, and put second factors in force.

Whoever administers has other operations for that (`account.password`, `factor.reset`): he gets no factor of
somebody else's, and needs no present password. The caller has seen that the owner proved himself just now.
"""

from pymailcore.admin import finders
from pymailcore.admin.operation import Arguments, Call, Operation, Record
from pymailcore.admin.operations.credentials import FACTOR, Named
from pymailcore.base.errors import NotFound
from pymailcore.base.ids import decode_id, encode_id
from pymailcore.directory.passkeys import RelyingParty
from pymailcore.directory.permissions import Permission


class NewPassword(Arguments):
    """A new password; the session `keep` goes on, all others and all connections end."""

    account: str
    password: str
    keep: str | None = None


class NewApp(Arguments):
    """An authenticator app by the name that its owner gives it; it shows `issuer` beside the account."""

    account: str
    name: str
    issuer: str


class Code(Arguments):
    """The first code of an authenticator app that was begun."""

    account: str
    id: str
    code: str


class NewPasskey(Arguments):
    """What a browser has made for a ticket (`SecondFactors.begin_passkey`) on the pages of `host`."""

    account: str
    name: str
    host: str
    ticket: str
    answer: dict[str, object]


async def _password(call: Call, given: NewPassword) -> Record:
    credentials = call.directory.credentials
    await credentials.set_password(call.actor, call.account, given.password, but=given.keep)
    return {}


async def _begin_app(call: Call, given: NewApp) -> Record:
    factors = call.directory.credentials.second_factors
    made = await factors.begin_totp(call.actor, call.account, given.name, issuer=given.issuer)
    return {"id": encode_id(FACTOR, made.id), "secret": made.secret, "uri": made.uri}


async def _confirm_app(call: Call, given: Code) -> Record:
    number = decode_id(FACTOR, given.id)
    if number is None:
        raise NotFound("no such factor")
    factors = call.directory.credentials.second_factors
    return {"codes": await factors.confirm_totp(call.actor, call.account, number, given.code)}


async def _add_passkey(call: Call, given: NewPasskey) -> Record:
    codes = await call.directory.credentials.second_factors.finish_passkey(
        call.actor,
        call.account,
        given.name,
        RelyingParty(given.host),
        ticket=given.ticket,
        answer=given.answer,
    )
    return {"codes": codes}


async def _new_codes(call: Call, _given: Named) -> Record:
    factors = call.directory.credentials.second_factors
    return {"codes": await factors.new_recovery_codes(call.actor, call.account)}


_OWN = Permission.OWN_CREDENTIALS
_ACCOUNT = (finders.account,)

OPERATIONS = (
    Operation(name="own.password", permission=Permission.OWN_PASSWORD, arguments=NewPassword, run=_password,
              finders=_ACCOUNT),
    Operation(name="own.app.begin", permission=_OWN, arguments=NewApp, run=_begin_app, finders=_ACCOUNT),
    Operation(name="own.app.confirm", permission=_OWN, arguments=Code, run=_confirm_app, finders=_ACCOUNT),
    Operation(name="own.passkey.add", permission=_OWN, arguments=NewPasskey, run=_add_passkey,
              finders=_ACCOUNT),
    Operation(name="own.codes", permission=_OWN, arguments=Named, run=_new_codes, finders=_ACCOUNT),
)  # fmt: skip
"""All of this module."""
