"""The tables of plug-ins."""

from pathlib import Path

import pytest

from pymailcore.config.plugins import PluginTable
from pymailcore.config.read import BadConfiguration, read_text
from pymailcore.mx.plugins.settings import BlockList, DnsblSettings, GreylistSettings

HEAD = 'hostname = "mx.example.org"\ndata = "data"\n'
TAIL = '[[listener]]\nprotocol = "smtp"\nbind = "127.0.0.1:0"\n'


def tables(text: str) -> dict[str, PluginTable]:
    return {table.name: table for table in read_text(HEAD + text + TAIL, Path("/srv")).plugins}


def test_without_a_table_the_defaults_hold() -> None:
    found = tables("")
    assert {name: table.common.enabled for name, table in found.items()} == {
        "ratelimit": True,
        "dnsbl": False,
        "greylist": True,
    }
    assert found["greylist"].own == GreylistSettings()
    assert found["greylist"].common.listeners == ("smtp",)


def test_keys_of_all_and_keys_of_one_stand_in_one_table() -> None:
    found = tables(
        '[plugins.greylist]\nwhom = "everybody"\ntimeout_seconds = 2\n'
        '[plugins.dnsbl]\nenabled = true\n[[plugins.dnsbl.list]]\nzone = "bl.example.org"\nweight = 2\n'
        '[plugins.other]\non_fault = "put-off"\nanything = ["at", "all"]\n'
    )
    assert found["greylist"].own == GreylistSettings(whom="everybody")
    assert found["greylist"].common.timeout_seconds == 2.0
    assert found["dnsbl"].own == DnsblSettings(lists=(BlockList(zone="bl.example.org", weight=2),))
    assert found["other"].common.enabled
    assert (found["other"].common.on_fault, found["other"].own) == ("put-off", None)
    assert found["other"].options == {"anything": ["at", "all"]}
    assert list(found) == ["ratelimit", "dnsbl", "greylist", "other"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("plugins = 1\n", "plugins: must be tables, written [plugins.NAME]"),
        ("[plugins]\ngreylist = true\n", "plugins.greylist: must be a table, written [plugins.greylist]"),
        ("[plugins.greylist]\nwhen = 1\n", "plugins.greylist.when: unknown key; did you mean 'whom'?"),
        (
            "[plugins.x]\nlisteners = ['imap']\n",
            "plugins.x.listeners: 'imap' is none of smtp, submission, lmtp",
        ),
        ("[plugins.x]\ntimeout_seconds = 0\n", "plugins.x.timeout_seconds: must be above 0 and at most 60"),
        (
            "[plugins.x]\non_fault = 'drop'\n",
            "plugins.x.on_fault: must be one of continue, put-off, not 'drop'",
        ),
        (
            "[plugins.dnsbl]\nenabled = true\n",
            "plugins.dnsbl.list: there is none; it asks the lists that you choose",
        ),
        ("[[plugins.dnsbl.list]]\nzone = 'a b'\n", "plugins.dnsbl.list[0].zone: 'a b' is no name"),
        (
            "[[plugins.dnsbl.list]]\nzone = 'a.example'\nanswers = ['192.0.2.1']\n",
            "plugins.dnsbl.list[0].answers: 192.0.2.1 is not in 127.0.0.0/8",
        ),
        (
            "[plugins.greylist]\ndelay_seconds = 0\n",
            "plugins.greylist.delay_seconds: must be above 0 and below",
        ),
        (
            "[plugins.ratelimit]\nmessages_per_minute = -1\n",
            "plugins.ratelimit.messages_per_minute: must not be",
        ),
    ],
)
def test_faults_have_their_path(text: str, fault: str) -> None:
    with pytest.raises(BadConfiguration) as bad:
        tables(text)
    assert any(line.startswith(fault) for line in bad.value.faults), bad.value.faults
