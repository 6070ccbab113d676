"""Groups: addresses that stand for their members."""

from pymailcore.admin import finders
from pymailcore.admin.operation import (
    Arguments,
    Call,
    Found,
    Operation,
    Page,
    Record,
    moment,
    page,
    read_address,
)
from pymailcore.directory.permissions import Permission
from pymailcore.directory.types import Group
from pymailcore.store.types import Transaction


class Some(Page):
    """Groups of a domain, or all; `prefix`: how their addresses begin."""

    domain: str | None = None
    prefix: str = ""


class Named(Arguments):
    """One group by its address."""

    group: str


class Members(Page, kw_only=True):
    """Members of a group."""

    group: str


class Posting(Arguments):
    """Who may write to a group: "everyone", "tenant" or "members"."""

    group: str
    posting: str = "everyone"


class Member(Arguments):
    """Somebody in a group."""

    group: str
    member: str


async def _list(call: Call, given: Some) -> Record:
    found = await call.directory.groups.page(
        call.view, after=given.after, limit=given.limit, domain=given.domain, prefix=given.prefix
    )
    return page([_record(group) for group in found], given.limit, "name")


async def _show(call: Call, given: Named) -> Record:
    return _record(await call.directory.groups.get(read_address(given.group)))


async def _members(call: Call, given: Members) -> Record:
    found = await call.directory.groups.members(
        read_address(given.group), after=given.after, limit=given.limit
    )
    items: list[Record] = [{"address": member.address, "local": member.local} for member in found]
    more = read_address(found[-1].address).key if len(found) >= given.limit else None
    return {"items": items, "next": more}


async def _add(call: Call, given: Posting) -> Record:
    added = await call.directory.groups.add(call.actor, read_address(given.group), posting=given.posting)
    return _record(added)


async def _set(call: Call, given: Posting) -> Record:
    changed = await call.directory.groups.set(call.actor, read_address(given.group), posting=given.posting)
    return _record(changed)


async def _remove(call: Call, given: Named) -> Record:
    await call.directory.groups.remove(call.actor, read_address(given.group))
    return {}


async def _add_member(call: Call, given: Member) -> Record:
    await call.directory.groups.add_member(call.actor, read_address(given.group), read_address(given.member))
    return {}


async def _remove_member(call: Call, given: Member) -> Record:
    await call.directory.groups.remove_member(
        call.actor, read_address(given.group), read_address(given.member)
    )
    return {}


async def _named_domain(tx: Transaction, given: Some) -> Found | None:
    return await finders.maybe_domain(tx, given.domain)


def _record(group: Group) -> Record:
    return {
        "name": group.name,
        "group": group.display,
        "posting": group.posting,
        "created": moment(group.created_ms),
    }


_WRITE = Permission.GROUP_WRITE

OPERATIONS = (
    Operation(name="group.list", permission=Permission.GROUP_READ, arguments=Some, run=_list,
              filters=(_named_domain,)),
    Operation(name="group.show", permission=Permission.GROUP_READ, arguments=Named, run=_show,
              finders=(finders.group,)),
    Operation(name="group.members", permission=Permission.GROUP_READ, arguments=Members, run=_members,
              finders=(finders.group,)),
    Operation(name="group.add", permission=_WRITE, arguments=Posting, run=_add,
              finders=(finders.domain_of_group,), takes=lambda given: (read_address(given.group),)),
    Operation(name="group.set", permission=_WRITE, arguments=Posting, run=_set, finders=(finders.group,)),
    Operation(name="group.remove", permission=_WRITE, arguments=Named, run=_remove, finders=(finders.group,)),
    Operation(name="group.member.add", permission=_WRITE, arguments=Member, run=_add_member,
              finders=(finders.group,)),
    Operation(name="group.member.remove", permission=_WRITE, arguments=Member, run=_remove_member,
              finders=(finders.group,)),
)  # fmt: skip
"""All of this module."""
