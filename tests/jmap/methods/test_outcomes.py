"""RFC 8620 sections 3.6.2 and 5.3: every outcome of the product has its JMAP error."""

import importlib
import pkgutil

import pymailcore
from pymailcore.base.errors import MailError, OverQuota
from pymailcore.jmap.methods.outcomes import METHOD, SET, method_error, set_error

_METHOD_ERRORS = {
    "serverUnavailable",
    "serverFail",
    "notFound",
    "alreadyExists",
    "forbidden",
    "overQuota",
    "requestTooLarge",
    "invalidArguments",
    "stateMismatch",
}
_SET_ERRORS = {
    "serverUnavailable",
    "serverFail",
    "notFound",
    "alreadyExists",
    "forbidden",
    "overQuota",
    "tooLarge",
    "invalidProperties",
    "stateMismatch",
}


def all_outcomes() -> set[type[MailError]]:
    for module in pkgutil.walk_packages(pymailcore.__path__, "pymailcore."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = {MailError}
    waiting: list[type[MailError]] = [MailError]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            if kind not in found:
                found.add(kind)
                waiting.append(kind)
    return {kind for kind in found if kind.__module__.startswith("pymailcore.")}


def test_every_outcome_has_an_entry_of_its_own_or_of_its_base() -> None:
    for kind in all_outcomes():
        if kind.__module__ == "pymailcore.base.errors":
            assert kind in METHOD
            assert kind in SET
        error = kind.__new__(kind)
        assert method_error(error).kind in _METHOD_ERRORS
        assert set_error(error).kind in _SET_ERRORS


def test_a_leaf_of_another_package_is_told_as_its_base() -> None:
    class Leaf(OverQuota):
        """A leaf."""

    assert method_error(Leaf()).kind == "overQuota"
    assert set_error(Leaf("secret")).document() == {"type": "overQuota"}
