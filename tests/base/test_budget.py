import pytest

from pymailcore.base.budget import MailDataBudget


def test_a_budget_is_taken_to_its_last_octet_and_no_further() -> None:
    budget = MailDataBudget(10)
    assert budget.take(9)
    assert not budget.take(2)
    assert budget.free_octets == 1
    assert budget.take(1)
    assert not budget.take(1)
    budget.give_back(10)
    assert budget.take(10)


@pytest.mark.parametrize(("taken", "easy"), [(0, True), (4, True), (5, False), (10, False)])
def test_it_is_easy_up_to_its_part_for_that(taken: int, easy: bool) -> None:
    budget = MailDataBudget(10, easy_octets=4)
    assert budget.take(taken)
    assert budget.is_easy is easy
    budget.give_back(taken)
    assert budget.is_easy
