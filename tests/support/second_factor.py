"""Gives an account an authenticator app, as its owner would."""

from base64 import b32decode

from pymailcore.base.ids import AccountId
from pymailcore.directory import totp
from pymailcore.directory.actors import Actor
from pymailcore.directory.directory import Directory


async def put_factor(directory: Directory, account: AccountId, now_ms: int) -> bytes:
    """Put an authenticator app in force; gives its secret."""
    actor, factors = Actor.operator("root"), directory.credentials.second_factors
    app = await factors.begin_totp(actor, account, "phone", issuer="mail.example")
    secret = b32decode(app.secret)
    await factors.confirm_totp(actor, account, app.id, totp.code_at(secret, totp.step_of(now_ms)))
    return secret
