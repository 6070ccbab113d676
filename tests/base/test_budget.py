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
