import pytest
from tests.support.stores import Opened

from pymailcore.admin.transfer.source import Folder
from pymailcore.admin.transfer.targets import Targets, roles_of
from pymailcore.base.errors import InvalidValue


def folders(*paths: str, **roles: str) -> list[Folder]:
    return [Folder(key=path, path=path, role=roles.get(path)) for path in paths]


def test_a_role_is_taken_by_one_folder() -> None:
    """RFC 6154 section 2: what the operator says, what the source marks, what the name says."""
    there = folders("INBOX", "Sent", "Gesendet", "Spam", "Junk", "Trash", Gesendet="sent")
    assert roles_of(there, {"Trash": ""}) == {"INBOX": "inbox", "Gesendet": "sent", "Spam": "junk"}
    assert roles_of(there, {"Junk": "junk"})["Junk"] == "junk"
    assert "Sent" not in roles_of(there, {})


def test_options_that_cannot_be() -> None:
    with pytest.raises(InvalidValue, match="no folder 'Nope'"):
        roles_of(folders("INBOX"), {"Nope": "sent"})
    with pytest.raises(InvalidValue, match="'boss' is none of"):
        roles_of(folders("INBOX"), {"INBOX": "boss"})


async def test_a_role_leads_to_the_mailbox_that_has_it(opened: Opened) -> None:
    targets = Targets(opened.store, opened.account, None)
    (folder,) = folders("Sent Items")
    assert await targets.find(folder, None) is None
    assert (await targets.find_or_make(folder, "sent")).path == "Sent"
    made = await targets.find_or_make(Folder(key="x", path="Work/Old", subscribed=False), None)
    assert (made.path, made.subscribed) == ("Work/Old", False)
    assert (await targets.find_or_make(folders("Work/Old")[0], None)).id == made.id


async def test_below_a_prefix_nothing_has_a_role(opened: Opened) -> None:
    targets = Targets(opened.store, opened.account, "Old/Server")
    made = await targets.find_or_make(folders("Sent")[0], "sent")
    assert (made.path, made.role) == ("Old/Server/Sent", None)
