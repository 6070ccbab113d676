import dataclasses
from pathlib import Path

import pytest
from tests.support.stores import small_settings

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


@pytest.mark.parametrize(("name", "least"), [("annotations_per_mailbox", 10), ("annotation_octets", 1024)])
def test_annotations_have_the_room_that_every_server_gives_them(name: str, least: int) -> None:
    """RFC 5464 section 4.1."""
    assert getattr(small_settings(Path("store"), **{name: least}), name) == least
    with pytest.raises(ValueError, match=name):
        small_settings(Path("store"), **{name: least - 1})
