"""Drafts and envelopes for EmailSubmission/set."""

from typing import Any

from tests.support.jmap_world import JmapWorld


async def identity(world: JmapWorld) -> str:
    """Anna's Identity."""
    return str((await world.call("Identity/get"))["list"][0]["id"])


async def draft(world: JmapWorld, **changes: Any) -> str:  # noqa: ANN401 - properties are JSON of any shape
    """A draft to ben, with a copy to somebody elsewhere."""
    properties = {
        "mailboxIds": {world.mailboxes["drafts"]: True},
        "keywords": {"$draft": True},
        "from": [{"name": None, "email": "anna@example.org"}],
        "to": [{"name": None, "email": "ben@example.org"}],
        "cc": [{"name": None, "email": "BEN@example.org"}],
        "bcc": [{"name": None, "email": "far@example.net"}],
        "subject": "sent",
        "textBody": [{"partId": "1"}],
        "bodyValues": {"1": {"value": "hello"}},
        **changes,
    }
    made = await world.call("Email/set", create={"k": properties})
    return str(made["created"]["k"]["id"])


def envelope_of(*recipients: str, **parameters: str | None) -> dict[str, Any]:
    """An envelope from anna, with parameters of its sender."""
    return {
        "mailFrom": {"email": "anna@example.org", "parameters": dict(parameters) or None},
        "rcptTo": [{"email": one} for one in recipients],
    }
