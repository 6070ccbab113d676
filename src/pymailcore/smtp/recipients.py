"""Replies to recipients that exist and do not get the message.

Standards: RFC 3463 sections 3.3 (X.2.1, a mailbox that accepts no messages) and 3.8 (X.7.2, the sender may
not write to a list), RFC 5321 section 4.2.3.
"""

from typing import Final

from pymailcore.smtp.protocol.reply import Reply

MAILBOX_SUSPENDED: Final = Reply(450, "4.2.1", "Mailbox takes no mail now, try again later")
MAILBOX_FULL: Final = Reply(452, "4.2.2", "Mailbox full, try again later")
MAILBOX_DISABLED: Final = Reply(550, "5.2.1", "Mailbox takes no mail any more")
CLOSED_GROUP: Final = Reply(550, "5.7.2", "You may not write to this group")
