"""limits: how much an account may send in an hour."""

import pytest

from pymailcore.base.ids import AccountId
from pymailcore.submission.errors import RateExceeded
from pymailcore.submission.limits import SendingLimits
from pymailcore.submission.settings import SubmissionSettings

ANN, BEN = AccountId(1), AccountId(2)
HOUR = 3_600_000


@pytest.mark.parametrize("count", [9, 10, 11])
def test_messages_of_an_hour(count: int) -> None:
    limits = SendingLimits(SubmissionSettings(messages_per_hour=10))
    for _ in range(min(count, 10)):
        limits.spend(ANN, 1, 0)
    if count > 10:
        with pytest.raises(RateExceeded, match="messages"):
            limits.spend(ANN, 1, 0)
    limits.spend(BEN, 1, 0)


@pytest.mark.parametrize("count", [9, 10, 11])
def test_recipients_of_an_hour(count: int) -> None:
    limits = SendingLimits(SubmissionSettings(recipients_per_hour=10))
    if count <= 10:
        limits.spend(ANN, count, 0)
    else:
        with pytest.raises(RateExceeded, match="recipients"):
            limits.spend(ANN, count, 0)
        limits.spend(ANN, 10, 0)


def test_the_budget_comes_back_steadily_and_not_beyond_an_hours_worth() -> None:
    limits = SendingLimits(SubmissionSettings(messages_per_hour=10))
    for _ in range(10):
        limits.spend(ANN, 1, 0)
    with pytest.raises(RateExceeded):
        limits.spend(ANN, 1, HOUR // 10 - 1)
    limits.spend(ANN, 1, HOUR // 10)
    for _ in range(10):
        limits.spend(ANN, 1, 50 * HOUR)
    with pytest.raises(RateExceeded):
        limits.spend(ANN, 1, 50 * HOUR)


def test_what_was_refused_is_given_back() -> None:
    limits = SendingLimits(SubmissionSettings(messages_per_hour=1, recipients_per_hour=5))
    for _ in range(10):
        limits.spend(ANN, 5, 0)
        limits.give_back(ANN, 5, 0)
    limits.give_back(ANN, 5, 0)
    limits.spend(ANN, 5, 0)
    with pytest.raises(RateExceeded):
        limits.spend(ANN, 1, 0)


def test_a_clock_that_goes_back_does_no_harm() -> None:
    limits = SendingLimits(SubmissionSettings(messages_per_hour=1))
    limits.spend(ANN, 1, HOUR)
    with pytest.raises(RateExceeded):
        limits.spend(ANN, 1, 0)


def test_memory_is_bounded() -> None:
    limits = SendingLimits(SubmissionSettings(accounts_count=10))
    for number in range(100):
        limits.spend(AccountId(number), 1, 0)
    assert len(limits) == 10
