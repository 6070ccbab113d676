"""What plug-ins are written with: the facts that a hook sees, the answers that it may give, and `hook`.

`docs/develop/plugins.md` describes every hook. These names stay; everything else inside is ours to change.
"""

from pymailcore.smtp.hooks.answers import AddField, Answer, Answers, Disconnect, PutOff, Refuse, Tag
from pymailcore.smtp.hooks.facts import Client, Message, Transaction
from pymailcore.smtp.hooks.spec import Setup, hook

__all__ = [
    "AddField",
    "Answer",
    "Answers",
    "Client",
    "Disconnect",
    "Message",
    "PutOff",
    "Refuse",
    "Setup",
    "Tag",
    "Transaction",
    "hook",
]
