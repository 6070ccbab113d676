"""Fuzz targets of the sasl package: what a client says, in any octets, is a step and never an exception."""

from collections.abc import Callable

from tests.support.sasl import keys_for

from pymailcore.base.errors import InvalidValue
from pymailcore.sasl.prepare import saslprep
from pymailcore.sasl.registry import make_offer
from pymailcore.sasl.settings import KNOWN, SaslSettings
from pymailcore.sasl.steps import Challenge, Evidence, Failed, NeedKeys, ScramProof

_OFFER = make_offer(
    SaslSettings(mechanisms=KNOWN),
    random_bytes=lambda count: b"r" * count,
    bindings={"tls-exporter": b"e" * 32},
    certificate=True,
)
_KEYS = keys_for("SCRAM-SHA-256", "pencil")


def fuzz_every_mechanism(octets: bytes) -> None:
    """The message comes as initial response, and again as the answer to whatever is asked."""
    for name in _OFFER.names:
        machine = _OFFER.begin(name)
        assert machine is not None
        step = machine.start(octets)
        for _ in range(4):
            if isinstance(step, NeedKeys):
                step = machine.keys(_KEYS)
            elif isinstance(step, Challenge):
                step = machine.respond(octets)
        assert isinstance(step, Evidence | Failed), (name, step)
        assert not (isinstance(step, ScramProof) and step.secret is not None)
        if not isinstance(step, Failed):
            machine.refuse()


def fuzz_saslprep(octets: bytes) -> None:
    """What was prepared stays as it is."""
    text = octets.decode("utf-8", "surrogateescape")
    try:
        prepared = saslprep(text, stored=True)
    except InvalidValue:
        return
    assert saslprep(prepared, stored=True) == prepared


TARGETS: tuple[Callable[[bytes], None], ...] = (fuzz_every_mechanism, fuzz_saslprep)
