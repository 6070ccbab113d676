import dataclasses
from pathlib import Path

import pytest

from pymailcore.store.settings import StoreSettings


def test_only_the_folder_has_no_default() -> None:
    settings = StoreSettings(data=Path("store"))
    needed = [field.name for field in dataclasses.fields(settings) if field.default is dataclasses.MISSING]
    assert needed == ["data"]
    assert settings.passive_checkpoint_octets < settings.restart_checkpoint_octets


def test_settings_do_not_change() -> None:
    settings = StoreSettings(data=Path("store"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.readers = 9  # type: ignore[misc]
