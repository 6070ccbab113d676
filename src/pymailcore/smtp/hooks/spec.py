"""The hooks: where on the way of a message a plug-in is asked, and what it is told.

A plug-in is made by calling what its entry point of the group `pymailcore.plugins` names, with a `Setup`; the
methods of the object that are marked with `@hook` are its hooks. A method names those arguments that it wants
and may leave out the others. It is `def` (and is run in a thread) or `async def` (and is run in the loop of
trio, where it must not block). It returns `Answers`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pluggy

from pymailcore.base.address import Address
from pymailcore.smtp.hooks.answers import Answers
from pymailcore.smtp.hooks.facts import Client, Message, Transaction

PROJECT: Final = "pymailcore"
GROUP: Final = "pymailcore.plugins"
"""Entry points of this group are plug-ins; the name of the entry point is the name in `[plugins]`."""

hook = pluggy.HookimplMarker(PROJECT)
"""Marks a method as the hook of its name."""
_spec = pluggy.HookspecMarker(PROJECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a plug-in is made with.

    Attributes:
        name: what it is called in the configuration.
        hostname: of the server.
        options: its table in the configuration, without the keys that all plug-ins have.
        folder: where it may keep files; made when the plug-in is the first to write.
    """

    name: str
    hostname: str
    options: Mapping[str, object] = field(default_factory=dict)
    folder: Path


class Hooks:
    """The hooks, in the order in which a connection meets them."""

    @_spec
    def connect(self, client: Client) -> Answers:
        """A connection stands, and nothing was read or sent. Refusing ends it after QUIT."""

    @_spec
    def helo(self, client: Client) -> Answers:
        """The client says its name (EHLO, HELO, LHLO); again after STARTTLS, and as often as it likes."""

    @_spec
    def auth(self, client: Client) -> Answers:
        """A login was proved right; when it is refused, nobody is logged in."""

    @_spec
    def mail(self, client: Client, transaction: Transaction) -> Answers:
        """A transaction begins (MAIL); the server itself would take its reverse-path."""

    @_spec
    def recipient(self, client: Client, transaction: Transaction, recipient: Address) -> Answers:
        """A recipient is named (RCPT) that the server itself would take, whom it knows if it is here."""

    @_spec
    def data(self, client: Client, transaction: Transaction) -> Answers:
        """The client wants to send the message (DATA, or the first BDAT). Refusing ends the transaction."""

    @_spec
    def message(self, client: Client, transaction: Transaction, message: Message) -> Answers:
        """The message is here, and nothing was stored. The last place where it can be refused."""

    @_spec
    def accepted(self, client: Client, transaction: Transaction, message: Message, answer: str) -> Answers:
        """The message is on disk for its recipients; whatever is returned changes nothing.

        Args:
            answer: what the client is told: "250 2.0.0 Accepted as …", with the name from our logs.
        """


NAMES: Final = ("connect", "helo", "auth", "mail", "recipient", "data", "message", "accepted")
