import pytest

from pymailcore.extract.limits import MIB, Limits
from pymailcore.extract.settings import AttachmentSettings


def made(values: dict[str, float]) -> AttachmentSettings:
    return AttachmentSettings(**values)  # type: ignore[arg-type]


def test_the_defaults_are_those_of_the_limits() -> None:
    assert AttachmentSettings().limits == Limits()


def test_what_an_operator_sets_reaches_the_helper() -> None:
    names = ("input_octets", "text_octets", "pages", "seconds", "cpu_seconds", "memory_octets")
    values = (MIB, 2 * MIB, 3, 4.0, 5.0, 200 * MIB)
    settings = made(dict(zip(names, values, strict=True)))
    assert tuple(getattr(settings.limits, name) for name in names) == values


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("helpers", 0, 1),
        ("pages", 0, 1),
        ("cpu_seconds", 0.0, 0.001),
        ("parts_per_helper", 0, 1),
        ("text_octets", 0, 1),
        ("text_octets", 64 * MIB + 1, 64 * MIB),
        ("input_octets", 0, 1),
        ("input_octets", 256 * MIB + 1, 256 * MIB),
        ("memory_octets", 128 * MIB - 1, 128 * MIB),
        ("seconds", 0.0, 0.001),
        ("seconds", float("nan"), 1.0),
        ("idle_seconds", 0.0, 0.001),
    ],
)
def test_numbers_that_leave_no_room_are_refused(name: str, bad: float, good: float) -> None:
    made({name: good})
    with pytest.raises(ValueError, match=f"^{name}: "):
        made({name: bad})
