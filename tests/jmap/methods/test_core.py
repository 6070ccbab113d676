"""RFC 8620 sections 3.3 to 3.7, 4, 6.3 and 7.2."""

from typing import Any

from tests.support.jmap_world import JmapWorld

from pymailcore.jmap.protocol.capabilities import CORE, MAIL


async def test_echo_gives_its_arguments_back(world: JmapWorld) -> None:
    """RFC 8620 section 4."""
    assert await world.call("Core/echo", hello=True, high=5) == {"hello": True, "high": 5}


async def test_methods_need_their_capability(world: JmapWorld) -> None:
    """RFC 8620 section 3.3: using."""
    call = ["Mailbox/get", {"accountId": world.account_id}, "c"]
    document = await world.api(call, ["Core/echo", {}, "d"], using=[CORE])
    assert document["methodResponses"][0] == ["error", {"type": "unknownMethod"}, "c"]
    assert document["methodResponses"][1][0] == "Core/echo"
    document = await world.api(
        call, ["Identity/get", {"accountId": world.account_id}, "d"], using=[CORE, MAIL]
    )
    assert [answer[0] for answer in document["methodResponses"]] == ["Mailbox/get", "error"]


async def test_a_failed_call_does_not_stop_the_next(world: JmapWorld) -> None:
    """RFC 8620 section 3.6.2."""
    document = await world.api(
        ["None/get", {}, "a"], ["Mailbox/get", {"accountId": "a1"}, "b"], ["Core/echo", {"x": 1}, "c"]
    )
    assert [answer[1].get("type") for answer in document["methodResponses"]] == [
        "unknownMethod",
        "accountNotFound",
        None,
    ]


async def test_a_reference_names_an_earlier_answer_only(world: JmapWorld) -> None:
    """RFC 8620 section 3.7."""
    reference = {"resultOf": "b", "name": "Core/echo", "path": "/x"}
    document = await world.api(["Core/echo", {"#x": reference}, "a"], ["Core/echo", {"x": [1]}, "b"])
    assert document["methodResponses"][0][1]["type"] == "invalidResultReference"
    document = await world.api(["Core/echo", {"x": [1]}, "b"], ["Core/echo", {"#x": reference}, "a"])
    assert document["methodResponses"][1][1] == {"x": [1]}


async def test_chained_references_cannot_multiply(world: JmapWorld) -> None:
    """Security notes, J2: sixteen calls that would each make ten of one."""
    calls: list[list[Any]] = [["Core/echo", {"x": [[[1] * 10] * 10] * 10}, "0"]]
    for number in range(16):
        reference = {"resultOf": str(number), "name": "Core/echo", "path": "/x/*/*"}
        calls.append(["Core/echo", {"#x": reference}, str(number + 1)])
    document = await world.api(*calls)
    assert all(len(answer[1].get("x", [])) <= 500 for answer in document["methodResponses"])


async def test_push_subscriptions_are_refused_and_never_found(world: JmapWorld) -> None:
    """RFC 8620 section 7.2: neither accountId nor state."""
    found = await world.call("PushSubscription/get", ids=["p1"])
    assert found == {"list": [], "notFound": ["p1"]}
    made = await world.call(
        "PushSubscription/set", create={"k": {"deviceClientId": "x", "url": "https://x.test"}}
    )
    assert made["notCreated"]["k"]["type"] == "forbidden"
    gone = await world.call("PushSubscription/set", destroy=["p1"], update={"p2": {}})
    assert gone["notDestroyed"]["p1"]["type"] == gone["notUpdated"]["p2"]["type"] == "notFound"


async def test_there_is_no_other_account_to_copy_from(world: JmapWorld) -> None:
    """RFC 8620 section 6.3, RFC 8621 section 4.7."""
    assert await world.error("Blob/copy", fromAccountId="a1", blobIds=["x"]) == "fromAccountNotFound"
    assert await world.error("Blob/copy", fromAccountId=world.account_id, blobIds=["x"]) == "invalidArguments"
    assert await world.error("Email/copy", fromAccountId="a1", create={}) == "fromAccountNotFound"
    assert await world.error("Email/copy", fromAccountId=world.account_id, create={}) == "invalidArguments"


async def test_unknown_arguments_are_refused_everywhere(world: JmapWorld) -> None:
    """RFC 8620 section 3.6.2: nothing is accepted and ignored."""
    needed: dict[str, dict[str, Any]] = {
        "Email/query": {}, "Email/get": {"ids": []}, "Email/set": {}, "Email/changes": {"sinceState": "0"},
        "Email/queryChanges": {"sinceQueryState": "0"}, "Email/import": {"emails": {}},
        "Email/parse": {"blobIds": []}, "Thread/get": {"ids": []}, "Thread/changes": {"sinceState": "0"},
        "Mailbox/get": {}, "Mailbox/set": {}, "Mailbox/query": {}, "Mailbox/changes": {"sinceState": "0"},
        "Mailbox/queryChanges": {"sinceQueryState": "0"}, "Identity/get": {}, "Identity/set": {},
        "Identity/changes": {"sinceState": "0"}, "EmailSubmission/get": {}, "EmailSubmission/set": {},
        "EmailSubmission/query": {}, "EmailSubmission/changes": {"sinceState": "0"},
        "EmailSubmission/queryChanges": {"sinceQueryState": "0"}, "SearchSnippet/get": {"emailIds": []},
        "PushSubscription/get": {}, "PushSubscription/set": {},
    }  # fmt: skip
    for name, arguments in needed.items():
        assert await world.error(name, **arguments, surprise=1) == "invalidArguments", name
    answered = [await world.outcome(name, **arguments) for name, arguments in needed.items()]
    failed = {
        name: result["type"]
        for name, (answer, result) in zip(needed, answered, strict=True)
        if answer == "error"
    }
    assert set(failed.values()) <= {"cannotCalculateChanges"}


async def test_every_method_refuses_the_account_of_another(world: JmapWorld) -> None:
    """Security notes, section 0.7: the access matrix over all methods."""
    from pymailcore.base.ids import ACCOUNT, encode_id
    from pymailcore.jmap.methods.registry import DATA_TYPES

    foreign = encode_id(ACCOUNT, world.ben.id)
    for data_type in DATA_TYPES:
        for name in data_type.methods:
            if name.startswith(("Core", "PushSubscription")):
                continue
            for account in (foreign, "a1"):
                extra = {"fromAccountId": account} if name.endswith("/copy") else {}
                assert await world.error(name, accountId=account, **extra) == "accountNotFound", name
