"""Groups: an address that stands for its members, and who may write to it.

Standards: RFC 5321 section 3.9.2 (list), as far as it is an exploder that leaves the message as it is.

Contract: members are accounts, other groups, or any addresses. Groups may be nested; what goes in a circle
ends (`routing`), and a circle is no fault. Whoever may post is one of "everyone", "tenant" (accounts of the
tenant) and "members" (accounts, and from elsewhere the addresses that are members).
"""

from typing import Final

from pymailcore.base.address import Address
from pymailcore.base.errors import AlreadyExists, InvalidValue, NotFound, OverQuota
from pymailcore.base.ids import TenantId
from pymailcore.directory import account_rows, limits
from pymailcore.directory.actors import Actor
from pymailcore.directory.changes import Change
from pymailcore.directory.domains import domain_named
from pymailcore.directory.ground import Ground
from pymailcore.directory.names import domain_name
from pymailcore.directory.permissions import View
from pymailcore.directory.sql import prefix_end, seen
from pymailcore.directory.types import Group, Member
from pymailcore.store.types import Row, Transaction

POSTING: Final = ("everyone", "tenant", "members")

_COLUMNS: Final = "g.id, g.tenant, g.domain, g.name, g.display, g.posting, g.created_ms"


class Groups:
    """The groups of an installation."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def get(self, address: Address) -> Group:
        """The group with an address.

        Raises:
            NotFound: there is none.
        """
        return await self._ground.database.read(lambda tx: group_named(tx, address.key))

    async def page(
        self, view: View, *, after: str = "", limit: int = 1_000, domain: str | None = None, prefix: str = ""
    ) -> list[Group]:
        """Groups by name, those behind the name `after`.

        Raises:
            InvalidValue, NotFound: that is no domain; it is not kept here.
        """
        name, begin = None if domain is None else domain_name(domain), prefix.casefold()

        async def work(tx: Transaction) -> list[Group]:
            number = 0 if name is None else (await domain_named(tx, name)).id
            rows = await tx.rows(
                f"SELECT {_COLUMNS} FROM groups g WHERE g.name > ?1 AND g.name >= ?2 AND g.name < ?3"  # noqa: S608 - constants
                " AND (?4 = 0 OR g.domain = ?4) AND (?5 = 1 OR g.tenant IN (SELECT value FROM json_each(?6))"
                " OR g.domain IN (SELECT value FROM json_each(?7))) ORDER BY g.name LIMIT ?8",
                after, begin, prefix_end(begin), number, *seen(view), limit,
            )  # fmt: skip
            return [_group(row) for row in rows]

        return await self._ground.database.read(work)

    async def members(self, address: Address, *, after: str = "", limit: int = 1_000) -> list[Member]:
        """Members of a group by address, those behind `after` (in its key form).

        Raises:
            NotFound: there is no such group.
        """

        async def work(tx: Transaction) -> list[Member]:
            group = await group_named(tx, address.key)
            rows = await tx.rows(
                "SELECT display, account IS NOT NULL FROM group_members WHERE group_id = ?1 AND address > ?2"
                " ORDER BY address LIMIT ?3",
                group.id,
                after,
                limit,
            )
            return [Member(row[0], bool(row[1])) for row in rows]

        return await self._ground.database.read(work)

    async def add(self, actor: Actor, address: Address, *, posting: str = "everyone") -> Group:
        """Make a group without members.

        Raises:
            NotFound: the domain is not kept here.
            AlreadyExists: somebody has the address.
            InvalidValue: nobody can post so; or the address has a `*`.
            OverLimit: tenant or domain has as many as it may.
        """
        _check(posting)
        if "*" in address.localpart:
            raise InvalidValue("a group's address has no *")
        number, now_ms = self._ground.ids.new(), self._ground.now_ms()

        async def work(tx: Transaction, change: Change) -> Group:
            place = await account_rows.place_of(tx, address.domain)
            await account_rows.require_free(tx, address)
            await limits.require(tx, "groups", tenant=place.tenant, domain=place.domain)
            group = Group(number, place.tenant, place.domain, address.key, str(address), posting, now_ms)
            await tx.run(
                "INSERT INTO groups (id, tenant, domain, name, display, posting, created_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                *group,
            )
            await tx.run(
                "INSERT INTO addresses (address, kind, display, created_ms, domain, group_id)"
                " VALUES (?1, 'group', ?2, ?3, ?4, ?5)",
                group.name, group.display, now_ms, group.domain, group.id,
            )  # fmt: skip
            change.touch("address", group.name)
            change.record("group.add", group.display, tenant=group.tenant, new={"posting": posting})
            return group

        return await self._ground.changes.run(actor, work)

    async def set(self, actor: Actor, address: Address, *, posting: str) -> Group:
        """Say who may write to a group.

        Raises:
            NotFound: there is no such group.
            InvalidValue: nobody can post so.
        """
        _check(posting)

        async def work(tx: Transaction, change: Change) -> Group:
            old = await group_named(tx, address.key)
            if old.posting != posting:
                await tx.run("UPDATE groups SET posting = ?2 WHERE id = ?1", old.id, posting)
                _touch(change, old)
                change.record(
                    "group.set", old.display, tenant=old.tenant,
                    old={"posting": old.posting}, new={"posting": posting},
                )  # fmt: skip
            return old._replace(posting=posting)

        return await self._ground.changes.run(actor, work)

    async def remove(self, actor: Actor, address: Address) -> None:
        """Remove a group; its members stay what they are.

        Raises:
            NotFound: there is no such group.
        """

        async def work(tx: Transaction, change: Change) -> None:
            group = await group_named(tx, address.key)
            await tx.run("DELETE FROM group_members WHERE group_id = ?1", group.id)
            await tx.run("DELETE FROM addresses WHERE group_id = ?1", group.id)
            await account_rows.forget_rights(tx, change, [group.name])
            await tx.run("DELETE FROM groups WHERE id = ?1", group.id)
            _touch(change, group)
            change.record("group.remove", group.display, tenant=group.tenant)

        await self._ground.changes.run(actor, work)

    async def add_member(self, actor: Actor, address: Address, member: Address) -> None:
        """Put somebody into a group: an account, a group, or any address.

        Raises:
            NotFound: there is no such group, or nobody in the tenant's domains has the address.
            AlreadyExists: he is in it.
            InvalidValue: a group is no member of itself.
            OverQuota: it has as many members as an address may stand for.
        """
        if address.key == member.key:
            raise InvalidValue("a group is no member of itself")
        now_ms, most = self._ground.now_ms(), self._ground.settings.alias_width_count

        async def work(tx: Transaction, change: Change) -> None:
            group = await group_named(tx, address.key)
            account = await account_rows.of_tenant(tx, group.tenant, member, self._ground.settings)
            if await _is_in(tx, group, member.key):
                raise AlreadyExists(f"{member} is in {address} already")
            row = await tx.row("SELECT count(*) FROM group_members WHERE group_id = ?1", group.id)
            if row is not None and row[0] >= most:
                raise OverQuota(f"a group may have {most} members")
            await tx.run(
                "INSERT INTO group_members (group_id, address, display, account, created_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5)",
                group.id, member.key, str(member), account, now_ms,
            )  # fmt: skip
            _touch(change, group)
            change.record("group.member.add", group.display, tenant=group.tenant, new={"member": str(member)})

        await self._ground.changes.run(actor, work)

    async def remove_member(self, actor: Actor, address: Address, member: Address) -> None:
        """Take somebody out of a group.

        Raises:
            NotFound: there is no such group, or he is not in it.
        """

        async def work(tx: Transaction, change: Change) -> None:
            group = await group_named(tx, address.key)
            if not await tx.run(
                "DELETE FROM group_members WHERE group_id = ?1 AND address = ?2", group.id, member.key
            ):
                raise NotFound(f"{member} is not in {address}")
            _touch(change, group)
            change.record(
                "group.member.remove", group.display, tenant=group.tenant, old={"member": str(member)}
            )

        await self._ground.changes.run(actor, work)


async def group_named(tx: Transaction, name: str) -> Group:
    """The group with a name (key form).

    Raises:
        NotFound: there is none.
    """
    row = await tx.row(f"SELECT {_COLUMNS} FROM groups g WHERE g.name = ?1", name)  # noqa: S608 - constants
    if row is None:
        raise NotFound(f"no group {name}")
    return _group(row)


def _group(row: Row) -> Group:
    number, tenant, *rest = row
    return Group(number, TenantId(tenant), *rest)


def _touch(change: Change, group: Group) -> None:
    change.touch("group", group.id)
    change.touch("address", group.name)


def _check(posting: str) -> None:
    if posting not in POSTING:
        raise InvalidValue(f"those who may post are one of {', '.join(POSTING)}, not {posting!r}")


async def _is_in(tx: Transaction, group: Group, key: str) -> bool:
    found = await tx.row("SELECT 1 FROM group_members WHERE group_id = ?1 AND address = ?2", group.id, key)
    return found is not None
