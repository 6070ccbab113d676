"""Every administrative operation with who may do it, written down apart from the code.

An operation without a line here fails a test of `tests/admin/test_registry_access_matrix.py`.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from tests.support.administration import Installation, Place

from pymailcore.base.errors import Forbidden, NotFound
from pymailcore.directory.actors import Actor

OP: Final = frozenset({"operator"})
T: Final = OP | {"tenant-admin", "key"}
D: Final = T | {"domain-admin"}
S: Final = D | {"support"}
TS: Final = T | {"support"}


class Case(NamedTuple):
    """One way to call an operation.

    Attributes:
        about: "installation", "tenant", "domain", "account", or "list" of what one may see.
        who: those who may do it to what they see.
        arguments: `{tenant}`, `{domain}` … stand for names of the place that it is aimed at.
    """

    name: str
    about: str
    who: frozenset[str]
    arguments: Mapping[str, object] = MappingProxyType({})

    def aimed(self, place: Place) -> dict[str, object]:
        """The arguments with which it is aimed at a place."""
        names = dataclasses.asdict(place)
        return {
            key: value.format(**names) if isinstance(value, str) else value
            for key, value in self.arguments.items()
        }


TENANT = {"tenant": "{tenant}"}
DOMAIN = {"domain": "{domain}"}
ACCOUNT = {"account": "{account}"}
CLAIM = TENANT | {"domain": "claimed.{domain}"}
ALIAS = {"address": "{alias}", "target": "{account}"}
MEMBER = {"group": "{group}", "member": "x@elsewhere.example"}
ROLE = TENANT | {"role": "{tenant}-desk", "permissions": ["account.read"]}
GRANT = ACCOUNT | DOMAIN | {"role": "support"}
CERTIFICATE = ACCOUNT | {"name": "laptop", "certificate": "none"}
PASSKEY = {"name": "key", "host": "x.example", "ticket": "none", "answer": {}}
U = frozenset({"user"})

CASES: Final = (
    Case("tenant.list", "list", TS),
    Case("tenant.show", "tenant", TS, TENANT),
    Case("tenant.add", "installation", OP, {"tenant": "gamma"}),
    Case("tenant.set", "tenant", OP, TENANT | {"display": "x"}),
    Case("tenant.remove", "tenant", OP, TENANT),
    Case("domain.list", "list", S),
    Case("domain.list", "tenant", TS, TENANT),
    Case("domain.claims", "list", T),
    Case("domain.show", "domain", S, DOMAIN),
    Case("domain.add", "tenant", OP, TENANT | {"domain": "new.example"}),
    Case("domain.claim", "tenant", T, CLAIM),
    Case("domain.verify", "tenant", T, CLAIM),
    Case("domain.vouch", "tenant", OP, CLAIM),
    Case("domain.withdraw", "tenant", T, CLAIM),
    Case("domain.set", "domain", D, DOMAIN | {"alias_of": ""}),
    Case("domain.set", "domain", D, DOMAIN | {"alias_of": "{domain}"}),
    Case("domain.state", "domain", T, DOMAIN | {"state": "active"}),
    Case("domain.remove", "domain", T, DOMAIN),
    Case("account.list", "list", S),
    Case("account.list", "tenant", TS, TENANT),
    Case("account.list", "domain", S, DOMAIN),
    Case("account.show", "account", S | U, ACCOUNT),
    Case("account.add", "domain", D, {"account": "{fresh}", "password": "correct horse"}),
    Case("account.set", "account", D, ACCOUNT | {"full_name": "Ann"}),
    Case("account.rename", "account", D, ACCOUNT | {"to": "{fresh}"}),
    Case("account.password", "account", D, ACCOUNT | {"password": "correct horse"}),
    Case("account.remove", "account", D, ACCOUNT),
    Case("account.export", "account", T | U, ACCOUNT),
    Case("account.erase", "account", T, ACCOUNT),
    Case("account.known", "domain", S, DOMAIN | {"addresses": []}),
    Case("account.import", "domain", D, DOMAIN | {"accounts": []}),
    Case("alias.list", "list", S),
    Case("alias.list", "domain", S, DOMAIN),
    Case("alias.show", "domain", S, {"address": "{alias}"}),
    Case("alias.add", "domain", D, ALIAS),
    Case("alias.remove", "domain", D, ALIAS),
    Case("forward.list", "account", S | U, ACCOUNT),
    Case("forward.set", "account", D | U, ACCOUNT | {"target": "x@elsewhere.example"}),
    Case("forward.remove", "account", D | U, ACCOUNT),
    Case("send-right.list", "account", S | U, ACCOUNT),
    Case("send-right.grant", "account", D, ACCOUNT | {"address": "{group}"}),
    Case("send-right.revoke", "account", D, ACCOUNT | {"address": "{group}"}),
    Case("group.list", "list", S),
    Case("group.list", "domain", S, DOMAIN),
    Case("group.show", "domain", S, {"group": "{group}"}),
    Case("group.members", "domain", S, {"group": "{group}"}),
    Case("group.add", "domain", D, {"group": "{fresh}"}),
    Case("group.set", "domain", D, {"group": "{group}", "posting": "members"}),
    Case("group.remove", "domain", D, {"group": "{group}"}),
    Case("group.member.add", "domain", D, MEMBER),
    Case("group.member.remove", "domain", D, MEMBER),
    Case("role.list", "tenant", T, TENANT),
    Case("role.list", "installation", OP),
    Case("role.add", "tenant", T, ROLE),
    Case("role.set", "tenant", T, ROLE),
    Case("role.remove", "tenant", T, TENANT | {"role": "{tenant}-desk"}),
    Case("role.add", "installation", OP, {"role": "desk", "permissions": []}),
    Case("role.holders", "list", D),
    Case("role.holders", "account", D, ACCOUNT),
    Case("role.grant", "account", D, GRANT),
    Case("role.revoke", "account", D, GRANT),
    Case("limit.show", "tenant", TS, TENANT),
    Case("limit.show", "domain", S, DOMAIN),
    Case("limit.show", "account", S | U, ACCOUNT),
    Case("limit.set", "tenant", OP, TENANT | {"limits": {"accounts": 5}}),
    Case("limit.set", "domain", T, DOMAIN | {"limits": {"accounts": 5}}),
    Case("limit.set", "account", D, ACCOUNT | {"limits": {"messages_per_hour": 5}}),
    Case("session.list", "account", S | U, ACCOUNT),
    Case("session.live", "list", S),
    Case("session.live", "account", S | U, ACCOUNT),
    Case("session.end", "account", S | U, ACCOUNT),
    Case("sign-in.list", "account", S | U, ACCOUNT),
    Case("app-password.list", "account", S | U, ACCOUNT),
    Case("app-password.add", "account", D | U, ACCOUNT | {"name": "phone"}),
    Case("app-password.remove", "account", D | U, ACCOUNT | {"id": "p1"}),
    Case("factor.list", "account", S | U, ACCOUNT),
    Case("factor.remove", "account", D | U, ACCOUNT | {"id": "f1"}),
    Case("factor.reset", "account", D, ACCOUNT),
    Case("certificate.list", "account", S | U, ACCOUNT),
    Case("certificate.add", "account", D | U, CERTIFICATE),
    Case("certificate.remove", "account", D | U, ACCOUNT | {"id": "00"}),
    Case("own.password", "account", OP | U, ACCOUNT | {"password": "correct horse"}),
    Case("own.app.begin", "account", OP | U, ACCOUNT | {"name": "phone", "issuer": "x"}),
    Case("own.app.confirm", "account", OP | U, ACCOUNT | {"id": "f1", "code": "000000"}),
    Case("own.passkey.add", "account", OP | U, {**ACCOUNT, **PASSKEY}),
    Case("own.codes", "account", OP | U, ACCOUNT),
    Case("apikey.list", "list", T),
    Case("apikey.list", "tenant", T, TENANT),
    Case("apikey.add", "domain", T, DOMAIN | {"name": "backup", "role": "support"}),
    Case("apikey.add", "installation", OP, {"name": "backup", "role": "support"}),
    Case("apikey.remove", "tenant", T, {"id": "{key}"}),
    Case("audit.list", "list", D),
    Case("audit.list", "tenant", T, TENANT),
    Case("audit.list", "domain", D, DOMAIN),
    Case("audit.head", "installation", OP),
    Case("audit.verify", "installation", OP),
    Case("audit.export", "installation", OP),
    Case("audit.export", "tenant", T, TENANT),
    Case("queue.list", "installation", OP),
    Case("queue.retry", "installation", OP),
    Case("queue.drop", "installation", OP),
    Case("queue.release", "installation", OP),
)


class Told(NamedTuple):
    """An outcome and its text."""

    outcome: str
    text: str


async def told(it: Installation, actor: Actor, case: Case, place: Place) -> Told:
    """Call an operation; gives what came of it."""
    try:
        await it.administration.call(actor, case.name, case.aimed(place))
    except NotFound as fault:
        return Told("not found", place.within(str(fault)))
    except Forbidden as fault:
        return Told("forbidden", place.within(str(fault)))
    return Told("done", "")
