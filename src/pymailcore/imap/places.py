"""What all connections of one process share: places for dear work, and answers that are kept.

A SEARCH can keep a core busy for seconds, and a client that reads slowly makes us hold a message of many
megabytes: an account has a few places for each.
"""

from pymailcore.imap.answers import KeptAnswers
from pymailcore.runtime.account_places import AccountPlaces


class Places:
    """What all connections of one process share.

    Attributes:
        searches: SEARCHes that run.
        messages: large messages that FETCH holds in memory.
        arranged: orders of SORT and answers of THREAD that are kept.
    """

    def __init__(self, *, searches: int = 2, messages: int = 2) -> None:
        self.searches = AccountPlaces(searches)
        self.messages = AccountPlaces(messages)
        self.arranged = KeptAnswers()
