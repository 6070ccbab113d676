"""Loading plug-ins: those of the configuration, and the very text of the documentation."""

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.support.hooks import converse
from tests.support.smtp import FakeRole, codes

from pymailcore.app.core import Core, open_core
from pymailcore.app.plugins import UnfitPlugin, hooks_of, load_plugins, with_plugins
from pymailcore.config.configuration import Configuration
from pymailcore.config.read import read_text
from pymailcore.runtime.hub import ChangeHub
from pymailcore.runtime.metrics import Metrics
from pymailcore.smtp.hooks.role import HookedRole
from pymailcore.smtp.role import Session

PAGE = Path(__file__).parents[2] / "docs" / "develop" / "plugins.md"
LISTENER = '[[listener]]\nprotocol = "smtp"\nbind = "127.0.0.1:0"\ntls = "none"\n'
OFF = "[plugins.greylist]\nenabled = false\n[plugins.ratelimit]\nenabled = false\n"
Install = Callable[[str, str, str], None]


def blocks(language: str) -> list[str]:
    """The code of the page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a module as a package with an entry point."""

    def install(module: str, text: str, entry_points: str) -> None:
        site = tmp_path / "site"
        info = site / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{module}.py").write_text(text, "utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_points)
        monkeypatch.syspath_prepend(site)

    return install


def configuration(folder: Path, text: str = "") -> Configuration:
    folder.mkdir(exist_ok=True)
    return read_text(f'hostname = "mx.example"\ndata = "data"\n{text}\n{LISTENER}', folder)


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    """A core with the plug-ins that are on by default."""
    made = configuration(tmp_path / "etc", "[store]\nreserve_octets = 0\nwatermark_octets = 0\n")
    made.data.mkdir()
    async with open_core(made, ChangeHub(), Metrics(), maintain=False) as core:
        yield core


async def test_the_plug_in_of_the_page_refuses_its_word(core: Core, install: Install, tmp_path: Path) -> None:
    """What a reader copies is what runs."""
    (code,) = blocks("python")
    pyproject, table = blocks("toml")
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    group, entry = pyproject.strip().splitlines()
    assert group == '[project.entry-points."pymailcore.plugins"]'
    install("refuse_word", code, f"[pymailcore.plugins]\n{entry.replace(chr(34), '')}\n")
    changed = configuration(tmp_path / "etc", OFF + table)
    core.configuration = changed
    plugins = load_plugins(core, Metrics())
    assert [plugin.name for plugin in plugins.plugins] == ["refuse-word"]
    assert hooks_of(changed.plugins[-1], changed) == ["message"]
    role = FakeRole()
    hooked = with_plugins(role, "smtp", plugins, changed)
    message = "MAIL FROM:<>\r\nRCPT TO:<b@host.example>\r\nDATA\r\nSubject: {}\r\n\r\n.\r\n"
    octets = "EHLO x.example\r\n" + message.format("Our =?utf-8?q?c=61sino?=") + message.format("Lottery")
    said = await converse(hooked, octets.encode())
    assert codes(said)[2:] == [b"250", b"250", b"354", b"550", b"250", b"250", b"354", b"250"]
    assert b"550 5.7.1 Write without casino\r\n" in said
    assert len(role.messages) == 1


async def test_those_that_come_with_the_server_are_on_where_the_configuration_says(
    core: Core, tmp_path: Path
) -> None:
    names = [plugin.name for plugin in load_plugins(core, Metrics()).plugins]
    assert names == ["ratelimit", "greylist"]
    core.configuration = configuration(
        tmp_path / "etc",
        '[plugins.greylist]\nenabled = false\n[[plugins.dnsbl.list]]\nzone = "bl.example"\n'
        '[plugins.dnsbl]\nenabled = true\nlisteners = ["smtp", "submission"]\non_fault = "put-off"\n',
    )
    plugins = load_plugins(core, Metrics())
    first, second = plugins.plugins
    assert (first.name, sorted(first.listeners)) == ("ratelimit", ["smtp"])
    assert (second.name, sorted(second.listeners)) == ("dnsbl", ["smtp", "submission"])
    assert (first.on_fault, second.on_fault) == ("continue", "put-off")
    role = FakeRole()
    assert isinstance(with_plugins(role, "submission", plugins, core.configuration), HookedRole)
    assert with_plugins(role, "lmtp", plugins, core.configuration) is role


async def test_our_own_networks_meet_the_bare_role(core: Core) -> None:
    """None of those that come with the server is asked about them, so they cost nothing there."""
    role = FakeRole()
    hooked = with_plugins(role, "smtp", load_plugins(core, Metrics()), core.configuration)
    assert hooked.begin(Session(connection_id="c1", peer="127.0.0.1", tls="")) is role
    assert hooked.begin(Session(connection_id="c1", peer="192.0.2.1", tls="")) is not role


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", r"plugins.odd: no such plug-in is installed; there are ratelimit, dnsbl, greylist"),
        ("class Odd:\n    pass\n", r"plugins.odd: TypeError: Odd\(\) takes no arguments"),
        ("import there_is_no_such_module\n", r"plugins.odd: ModuleNotFoundError: "),
        ("def Odd(setup):\n    return object()\n", r"plugins.odd: it has no hook"),
    ],
)
async def test_a_plug_in_that_cannot_be_loaded_says_so_in_one_line(
    core: Core, install: Install, tmp_path: Path, text: str, fault: str
) -> None:
    if text:
        module = f"odd_plugin_{len(text)}"  # Python keeps modules by their names
        install(module, text, f"[pymailcore.plugins]\nodd = {module}:Odd\n")
    core.configuration = configuration(tmp_path / "etc", "[plugins.odd]\n")
    with pytest.raises(UnfitPlugin, match=fault):
        load_plugins(core, Metrics())
