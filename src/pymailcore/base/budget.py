"""How much memory the mail data in transit may take in one process, whatever protocol it comes by."""


class MailDataBudget:
    """Counts octets; one for each process, shared by all its connections.

    Args:
        easy_octets: so many may be taken by what could wait elsewhere.
    """

    def __init__(self, limit_octets: int, easy_octets: int = 0) -> None:
        self._limit_octets = limit_octets
        self._easy_octets = easy_octets
        self._taken_octets = 0

    @property
    def free_octets(self) -> int:
        """What is left."""
        return self._limit_octets - self._taken_octets

    @property
    def is_easy(self) -> bool:
        """Whether so little is taken that nothing needs to go elsewhere."""
        return self._taken_octets <= self._easy_octets

    def take(self, octets: int) -> bool:
        """Take some of the budget; False, and nothing taken, when there is not so much left."""
        if octets > self.free_octets:
            return False
        self._taken_octets += octets
        return True

    def give_back(self, octets: int) -> None:
        """Return what was taken."""
        self._taken_octets -= octets
