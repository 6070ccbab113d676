"""RFC 8621 section 2: Mailbox/get, /changes, /query, /set."""

from typing import Any

import pytest
from tests.support.jmap_world import JmapWorld
from tests.support.stores import a_message

from pymailcore.jmap.settings import JmapSettings
from pymailcore.store.ops.mailboxes import MAX_LEVEL_OCTETS, MAX_LEVELS


async def test_every_account_begins_with_its_roles(world: JmapWorld) -> None:
    found = await world.call("Mailbox/get", ids=None)
    roles = {mailbox["role"] for mailbox in found["list"]}
    assert {"inbox", "drafts", "sent", "junk", "trash", "archive"} <= roles
    inbox = next(mailbox for mailbox in found["list"] if mailbox["role"] == "inbox")
    assert inbox["myRights"]["mayDelete"] is False
    assert set(inbox) == {
        "id", "name", "parentId", "role", "sortOrder", "totalEmails", "unreadEmails", "totalThreads",
        "unreadThreads", "myRights", "isSubscribed",
    }  # fmt: skip


async def test_properties_and_ids_are_chosen(world: JmapWorld) -> None:
    inbox = world.mailboxes["inbox"]
    found = await world.call("Mailbox/get", ids=[inbox, "m1", "xx"], properties=["name"])
    assert [set(mailbox) for mailbox in found["list"]] == [{"id", "name"}]
    assert found["notFound"] == ["m1", "xx"]
    assert await world.error("Mailbox/get", properties=["none"]) == "invalidArguments"


async def test_counters_and_updated_properties(world: JmapWorld) -> None:
    """RFC 8621 section 2.2."""
    before = (await world.call("Mailbox/get"))["state"]
    await world.deliver(a_message())
    changes = await world.call("Mailbox/changes", sinceState=before)
    assert changes["updated"] == [world.mailboxes["inbox"]]
    assert changes["updatedProperties"] == ["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"]
    (inbox,) = (await world.call("Mailbox/get", ids=[world.mailboxes["inbox"]]))["list"]
    assert (inbox["totalEmails"], inbox["unreadEmails"], inbox["totalThreads"], inbox["unreadThreads"]) == (
        1,
    ) * 4


async def test_a_tree_is_made_in_any_order_and_removed_in_any_order(world: JmapWorld) -> None:
    """RFC 8621 section 2.5; RFC 8620 section 5.3: creation ids."""
    made = await world.call(
        "Mailbox/set",
        create={
            "c": {"name": "C", "parentId": "#b"},
            "b": {"name": "B", "parentId": "#a"},
            "a": {"name": "A"},
        },
    )
    ids = {key: value["id"] for key, value in made["created"].items()}
    assert set(ids) == {"a", "b", "c"}
    listed = {mailbox["id"]: mailbox for mailbox in (await world.call("Mailbox/get"))["list"]}
    assert listed[ids["c"]]["parentId"] == ids["b"]
    refused = await world.call("Mailbox/set", destroy=[ids["a"]])
    assert refused["notDestroyed"][ids["a"]]["type"] == "mailboxHasChild"
    gone = await world.call("Mailbox/set", destroy=[ids["a"], ids["b"], ids["c"]])
    assert set(gone["destroyed"]) == set(ids.values())


async def test_a_mailbox_with_emails_goes_only_when_asked(world: JmapWorld) -> None:
    """RFC 8621 section 2.5: onDestroyRemoveEmails."""
    made = await world.call("Mailbox/set", create={"x": {"name": "X"}})
    mailbox = made["created"]["x"]["id"]
    appended = await world.deliver(a_message())
    (email,) = (await world.call("Email/query"))["ids"]
    await world.call("Email/set", update={email: {"mailboxIds": {mailbox: True}}})
    refused = await world.call("Mailbox/set", destroy=[mailbox])
    assert refused["notDestroyed"][mailbox]["type"] == "mailboxHasEmail"
    gone = await world.call("Mailbox/set", destroy=[mailbox], onDestroyRemoveEmails=True)
    assert gone["destroyed"] == [mailbox]
    assert (await world.call("Email/get", ids=[email]))["notFound"] == [email]
    assert appended.email


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "a\u0000"}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "é" * 128}, "name"),
        ({"name": 1}, "name"),
        ({"name": "x", "parentId": "m1"}, "parentId"),
        ({"name": "x", "parentId": "#none"}, "parentId"),
        ({"name": "x", "role": "boss"}, "role"),
        ({"name": "x", "sortOrder": -1}, "sortOrder"),
        ({"name": "x", "isSubscribed": "yes"}, "isSubscribed"),
        ({"name": "x", "totalEmails": 1}, "totalEmails"),
        ({"name": "x", "none": 1}, "none"),
    ],
)
async def test_wrong_properties_are_named(world: JmapWorld, properties: dict[str, Any], named: str) -> None:
    refused = await world.call("Mailbox/set", create={"k": properties})
    assert refused["notCreated"]["k"]["type"] == "invalidProperties"
    assert refused["notCreated"]["k"]["properties"] == [named]


async def test_depth_is_limited(world: JmapWorld) -> None:
    """RFC 8621 section 1.3.1: maxMailboxDepth."""
    create: dict[str, Any] = {"k0": {"name": "n"}}
    for number in range(1, 33):
        create[f"k{number}"] = {"name": "n", "parentId": f"#k{number - 1}"}
    made = await world.call("Mailbox/set", create=create)
    assert len(made["created"]) == 32
    assert list(made["notCreated"]) == ["k32"]


async def test_the_limits_announced_are_those_of_the_store(world: JmapWorld) -> None:
    """A client that keeps to maxSizeMailboxName and maxMailboxDepth is not refused, and IMAP has the same."""
    limits = JmapSettings()
    assert (limits.max_mailbox_depth, limits.max_mailbox_name_octets) == (MAX_LEVELS, MAX_LEVEL_OCTETS)
    made = await world.call("Mailbox/set", create={"k": {"name": "x" * 255}})
    assert list(made["created"]) == ["k"]


async def test_a_mailbox_is_renamed_moved_and_kept_out_of_itself(world: JmapWorld) -> None:
    made = await world.call("Mailbox/set", create={"a": {"name": "A"}, "b": {"name": "B", "parentId": "#a"}})
    a, b = made["created"]["a"]["id"], made["created"]["b"]["id"]
    assert (await world.call("Mailbox/set", update={a: {"name": "Ä"}}))["updated"] == {a: None}
    refused = await world.call("Mailbox/set", update={a: {"parentId": b}, b: {"name": "B2", "sortOrder": 7}})
    assert refused["notUpdated"][a]["properties"] == ["parentId"]
    listed = {mailbox["id"]: mailbox for mailbox in (await world.call("Mailbox/get"))["list"]}
    assert (listed[a]["name"], listed[b]["name"], listed[b]["sortOrder"]) == ("Ä", "B2", 7)
    assert (await world.call("Mailbox/set", update={b: {"parentId": None}}))["updated"] == {b: None}
    taken = await world.call("Mailbox/set", create={"x": {"name": "B2"}})
    # RFC 8620 section 5.4 keeps alreadyExists for /copy, where it names the object that is there.
    assert taken["notCreated"]["x"]["type"] == "invalidProperties"
    assert taken["notCreated"]["x"]["properties"] == ["name"]
    taken = await world.call("Mailbox/set", create={"x": {"name": "Another", "role": "sent"}})
    assert taken["notCreated"]["x"]["properties"] == ["role"]
    taken = await world.call("Mailbox/set", update={a: {"role": "trash"}, b: {"name": "Ä"}})
    assert taken["notUpdated"][a]["properties"] == ["role"]
    assert taken["notUpdated"][b]["properties"] == ["name"]


async def test_a_whole_mailbox_is_a_patch(world: JmapWorld) -> None:
    """RFC 8620 section 5.3: what only the server sets may be repeated, and not changed."""
    made = await world.call("Mailbox/set", create={"a": {"name": "A"}})
    mailbox = made["created"]["a"]["id"]
    (whole,) = (await world.call("Mailbox/get", ids=[mailbox]))["list"]
    done = await world.call("Mailbox/set", update={mailbox: {**whole, "name": "B"}})
    assert done["updated"] == {mailbox: None}
    assert (await world.call("Mailbox/get", ids=[mailbox]))["list"] == [{**whole, "name": "B"}]
    for name, value in (("totalEmails", 7), ("id", "m1"), ("myRights", {}), ("totalEmails", False)):
        refused = await world.call("Mailbox/set", update={mailbox: {name: value}})
        assert refused["notUpdated"][mailbox]["properties"] == [name]


async def test_what_the_server_makes_of_a_name_is_told(world: JmapWorld) -> None:
    """RFC 8620 section 5.3: `created` and `updated` show what the server set otherwise."""
    made = await world.call("Mailbox/set", create={"a": {"name": "Cafe\u0301"}})
    assert made["created"]["a"]["name"] == "Caf\u00e9"
    mailbox = made["created"]["a"]["id"]
    done = await world.call("Mailbox/set", update={mailbox: {"name": "The\u0301"}})
    assert done["updated"] == {mailbox: {"name": "Th\u00e9"}}


async def test_a_mailbox_made_in_the_same_call_goes_under_its_own_id(world: JmapWorld) -> None:
    """RFC 8620 section 5.3: destroy may name a creation id; `destroyed` has the id."""
    done = await world.call("Mailbox/set", create={"a": {"name": "A"}}, destroy=["#a"])
    assert done["destroyed"] == [done["created"]["a"]["id"]]


@pytest.mark.parametrize(
    ("condition", "kind"),
    [
        ({"operator": "OR", "conditions": [{"name": "x"}] * 99}, None),
        ({"operator": "OR", "conditions": [{"name": "x"}] * 100}, "unsupportedFilter"),
        ({"operator": "OR", "conditions": [{}] * 5_000}, "unsupportedFilter"),
        ({"operator": "MAYBE", "conditions": []}, "invalidArguments"),
    ],
)
async def test_filters_are_limited(world: JmapWorld, condition: dict[str, Any], kind: str | None) -> None:
    """Security notes, J3: found here, half a million conditions on each Mailbox were looked at."""
    name, result = await world.outcome("Mailbox/query", filter=condition)
    assert (name, result.get("type")) == ("Mailbox/query" if kind is None else "error", kind)


async def test_the_inbox_stays_what_it_is(world: JmapWorld) -> None:
    inbox = world.mailboxes["inbox"]
    for patch in ({"name": "x"}, {"role": None}):
        refused = await world.call("Mailbox/set", update={inbox: patch})
        assert refused["notUpdated"][inbox]["type"] == "forbidden"
    refused = await world.call("Mailbox/set", destroy=[inbox], onDestroyRemoveEmails=True)
    assert refused["notDestroyed"][inbox]["type"] == "forbidden"


async def test_a_wrong_state_stops_a_set(world: JmapWorld) -> None:
    """RFC 8620 section 5.3: ifInState."""
    assert await world.error("Mailbox/set", ifInState="0", create={"k": {"name": "x"}}) == "stateMismatch"
    state = (await world.call("Mailbox/get"))["state"]
    made = await world.call("Mailbox/set", ifInState=state, create={"k": {"name": "x"}})
    assert made["oldState"] == state != made["newState"]


async def test_query_filters_sorts_and_cuts(world: JmapWorld) -> None:
    """RFC 8621 section 2.3."""
    await world.call("Mailbox/set", create={"a": {"name": "Alpha"}, "b": {"name": "Beta", "parentId": "#a"}})
    by_name = {mailbox["name"]: mailbox["id"] for mailbox in (await world.call("Mailbox/get"))["list"]}
    found = await world.call("Mailbox/query", filter={"hasAnyRole": False}, sort=[{"property": "name"}])
    assert found["ids"] == [by_name["Alpha"], by_name["Beta"]]
    found = await world.call("Mailbox/query", filter={"parentId": by_name["Alpha"]}, calculateTotal=True)
    assert (found["ids"], found["total"]) == ([by_name["Beta"]], 1)
    found = await world.call(
        "Mailbox/query",
        filter={"operator": "OR", "conditions": [{"role": "inbox"}, {"name": "bet"}]},
        sort=[{"property": "name", "isAscending": False}],
        limit=1,
    )
    assert found["ids"] == [world.mailboxes["inbox"]]
    tree = await world.call(
        "Mailbox/query", sort=[{"property": "name", "isAscending": False}], sortAsTree=True
    )
    assert tree["ids"].index(by_name["Beta"]) == tree["ids"].index(by_name["Alpha"]) + 1
    found = await world.call("Mailbox/query", filter={"name": "Beta"}, filterAsTree=True)
    assert found["ids"] == []
    anchored = await world.call(
        "Mailbox/query", sort=[{"property": "name"}], anchor=by_name["Beta"], anchorOffset=-1, limit=2
    )
    assert by_name["Beta"] in anchored["ids"]
    assert await world.error("Mailbox/query", anchor="m1") == "anchorNotFound"
    assert await world.error("Mailbox/query", filter={"size": 1}) == "unsupportedFilter"
    assert await world.error("Mailbox/query", filter={"name": 1}) == "invalidArguments"
    assert await world.error("Mailbox/query", sort=[{"property": "size"}]) == "unsupportedSort"
    by = {"property": "name", "collation": "i;octet"}
    assert await world.error("Mailbox/query", sort=[by]) == "unsupportedSort"
    by["property"] = "sortOrder"
    await world.call("Mailbox/query", sort=[by, {"property": "name", "collation": "i;unicode-casemap"}])
    assert await world.error("Mailbox/queryChanges", sinceQueryState="1") == "cannotCalculateChanges"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({}, "Ärger Zoo ärgerlich"),
        ({"name": "arger"}, "Ärger ärgerlich"),
        ({"name": "LICH"}, "ärgerlich"),
        ({"name": ""}, "Ärger Zoo ärgerlich"),
        ({"parentId": None}, "Ärger Zoo"),
        ({"role": None}, "Ärger Zoo ärgerlich"),
        ({"role": "junk"}, ""),
        ({"isSubscribed": False}, "Zoo"),
        ({"isSubscribed": True, "name": "är"}, "Ärger ärgerlich"),
        ({"operator": "NOT", "conditions": [{"name": "zoo"}, {"name": "lich"}]}, "Ärger"),
    ],
)
async def test_each_filter_of_mailboxes(world: JmapWorld, condition: dict[str, Any], expected: str) -> None:
    """RFC 8621 section 2.3; of the Mailboxes without a role, by name, whatever its accents."""
    create: dict[str, Any] = {
        "a": {"name": "Ärger"},
        "b": {"name": "ärgerlich", "parentId": "#a"},
        "c": {"name": "Zoo", "isSubscribed": False},
    }
    made = await world.call("Mailbox/set", create=create)
    names = {made["created"][key]["id"]: values["name"] for key, values in create.items()}
    both = {"operator": "AND", "conditions": [{"hasAnyRole": False}, condition]}
    found = await world.call("Mailbox/query", filter=both)
    assert sorted(str(names.get(id_)) for id_ in found["ids"]) == sorted(expected.split())


async def test_mailboxes_as_a_tree(world: JmapWorld) -> None:
    """RFC 8621 section 2.3: sortAsTree goes by the nearest ancestors that are siblings."""
    create = {name: {"name": name} for name in ("Q", "P")}
    create |= {name: {"name": name, "parentId": f"#{name[0].upper()}"} for name in ("qa", "qz", "pb")}
    made = await world.call("Mailbox/set", create=create)
    names = {made["created"][name]["id"]: name for name in create}

    async def listed(
        *, up: bool = True, condition: dict[str, Any] | None = None, tree: str = ""
    ) -> list[str]:
        both = {"operator": "AND", "conditions": [{"hasAnyRole": False}, condition or {}]}
        by = [{"property": "name", "isAscending": up}]
        more: dict[str, Any] = {tree: True} if tree else {}
        found = await world.call("Mailbox/query", filter=both, sort=by, **more)
        return [names[id_] for id_ in found["ids"]]

    assert await listed() == ["P", "pb", "Q", "qa", "qz"]
    assert await listed(tree="sortAsTree") == ["P", "pb", "Q", "qa", "qz"]
    assert await listed(up=False) == ["qz", "qa", "Q", "pb", "P"]
    assert await listed(up=False, tree="sortAsTree") == ["Q", "qz", "qa", "P", "pb"]
    either = {"operator": "OR", "conditions": [{"name": "q"}, {"name": "b"}]}
    assert await listed(condition=either) == ["pb", "Q", "qa", "qz"]
    assert await listed(condition=either, tree="filterAsTree") == ["Q", "qa", "qz"]
