"""The reference file and page are what the settings classes say; `make conf` writes them."""

import dataclasses
import tomllib
from pathlib import Path

import pytest

from pymailcore.config.configuration import SECTIONS
from pymailcore.config.plugins import PLUGIN_SETTINGS
from pymailcore.config.read import read_text
from pymailcore.config.reference import reference_page, reference_toml, settings_of, toml_value
from pymailcore.smtp.hooks.settings import PluginSettings

ROOT = Path(__file__).parents[2]


def test_the_committed_reference_file_is_up_to_date() -> None:
    assert (ROOT / "conf" / "pymailcore.toml").read_text("utf-8") == reference_toml()


def test_the_committed_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "operate" / "configuration.md").read_text("utf-8") == reference_page()


def test_the_reference_file_is_a_configuration_that_works() -> None:
    configuration = read_text(reference_toml(), Path("/srv/mail"))
    assert configuration.hostname == "mx.example.org"
    assert len(configuration.listeners) == 5


def test_every_line_that_is_switched_off_can_be_switched_on() -> None:
    tables = tomllib.loads(
        "\n".join(
            line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line
            for line in reference_toml().splitlines()
        )
    )
    for name, settings in SECTIONS.items():
        assert tables[name].keys() == {setting.key for setting in settings_of(settings)}
    for name, settings in PLUGIN_SETTINGS.items():
        keys = {setting.key for kind in (PluginSettings, settings) for setting in settings_of(kind)}
        assert tables["plugins"][name].keys() == keys


@pytest.mark.parametrize("name", SECTIONS)
def test_every_setting_says_what_it_is(name: str) -> None:
    assert dataclasses.is_dataclass(SECTIONS[name])
    assert SECTIONS[name].__dataclass_params__.frozen
    for setting in settings_of(SECTIONS[name]):
        assert setting.doc.endswith("."), setting.key


def test_values_are_written_as_toml_reads_them() -> None:
    for value in (True, 5, 50_000, 1.5, 'a "quoted" \\ word', ["a", "b"], []):
        assert tomllib.loads(f"x = {toml_value(value)}")["x"] == value
