"""settings: values that cannot work are refused."""

import dataclasses

import pytest

from pymailcore.queue.settings import QueueSettings, Route


@pytest.mark.parametrize("minutes", [(), (0,), (5, -1)])
def test_a_schedule_needs_times_above_zero(minutes: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="retry_minutes"):
        QueueSettings(retry_minutes=minutes)


@pytest.mark.parametrize(("lease", "good"), [(1_199.0, False), (1_200.0, False), (1_201.0, True)])
def test_a_lease_outlasts_a_try(lease: float, good: bool) -> None:
    if good:
        QueueSettings(lease_seconds=lease)
    else:
        with pytest.raises(ValueError, match="lease_seconds"):
            QueueSettings(lease_seconds=lease)


@pytest.mark.parametrize("kind", [QueueSettings, Route])
def test_every_field_is_documented(kind: type[QueueSettings | Route]) -> None:
    assert all(field.metadata["doc"] for field in dataclasses.fields(kind))
