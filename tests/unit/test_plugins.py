"""Plug-ins: found by their entry points, made of what the config says, and told about when they cannot be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pytest

from deploykit import ConfigError, EngineUnreachable, load
from deploykit.backends.process import ProcessBackend
from deploykit.config import read_config
from deploykit.events import Event
from deploykit.plugins import Setting
from deploykit.protocols import Probe, ProbeVerdict, Verdict
from deploykit.release import Instance
from deploykit.testing import Fake
from deploykit.wiring import wire

CONFIG = """\
[app]
name  = "shop"
image = "example.com/team/web"
[backend]
type     = "rack"
strategy = "recreate"
room     = "${ROOM}"
doors    = 2
services = ["web"]
[[health.probe]]
type = "ping"
host = "a"
[[observer]]
type = "bell"
"""


@dataclass(frozen=True)
class RackKeys:
    room: str
    doors: int = 1
    shelves: list[str] = field(default_factory=list)


class Ping:
    name, service = "ping", None

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def aimed(self, published: Mapping[int, int]) -> Probe | None:
        return None

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        return Verdict(ProbeVerdict.healthy)


class Bell:
    def __init__(self, setting: Setting) -> None:
        self.rung: list[str] = []

    def __call__(self, event: Event) -> None:
        self.rung.append(event.name)


MADE: list[Setting] = []


def rack(setting: Setting) -> object:
    MADE.append(setting)
    setting.read(RackKeys)
    return ProcessBackend(name=setting.app, command=["true"])


def broken(setting: Setting) -> object:
    raise ZeroDivisionError("no shelf")


def telling(setting: Setting) -> object:
    raise ValueError(setting.keys["room"])


def away(setting: Setting) -> object:
    raise EngineUnreachable("the rack is locked", hint="Find the key.")


def refusing(setting: Setting) -> object:
    raise ConfigError("room: there is no such room", hint="Look for it.")


def ending(setting: Setting) -> object:
    raise SystemExit("no room here")


def hollow(setting: Setting) -> object:
    return object()


RACK = "backend.type: the plug-in 'rack' of {}"
Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install plug-ins of this module beside what is there."""
    MADE.clear()
    found: list[EntryPoint] = []

    def fake(group: str) -> list[EntryPoint]:
        return [*entry_points(group=group), *(one for one in found if one.group == group)]

    monkeypatch.setattr("importlib.metadata.entry_points", fake)

    def install(**named: str) -> None:
        for kind, value in named.items():
            group, _, name = kind.partition("_")
            found.append(EntryPoint(name, f"{__name__}:{value}", f"deploykit.{group}"))

    return install


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROOM", "cellar")
    path = tmp_path / "shop.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def all_three(install: Install) -> None:
    install(backends_rack="rack", probes_ping="Ping", observers_bell="Bell")


@pytest.mark.usefixtures("all_three")
def test_each_is_made_of_its_own_keys_and_of_where_it_is(file: Path, tmp_path: Path) -> None:
    """Variables are filled in; a probe has the one service that it is for."""
    adapters = wire(read_config(file, {"ROOM": "cellar"}))
    (made,) = MADE
    assert (made.app, made.keys, made.strategy, made.services) == (
        "shop",
        {"room": "cellar", "doors": 2},
        "recreate",
        ("web",),
    )
    assert (made.folder, made.state) == (tmp_path, tmp_path / ".deploykit")
    (ping,) = adapters.probes
    assert isinstance(ping, Ping)
    assert (ping.setting.keys, ping.setting.services) == ({"host": "a"}, ("web",))
    assert [type(one) for one in adapters.observers] == [Bell]


@pytest.mark.usefixtures("all_three")
def test_what_the_config_says_is_shown(file: Path) -> None:
    """The plug-ins' own keys too; secrets are not."""
    file.write_text(
        CONFIG.replace('room     = "${ROOM}"', 'room = "a"\npassword = "hunter2"').replace("doors", "shelf")
    )
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert "hunter2" not in str(caught.value)
    file.write_text(CONFIG)
    shown = load(file).config
    assert shown["backend"] == {
        "strategy": "recreate",
        "rehearse": False,
        "pull": "always",
        "type": "rack",
        "services": ["web"],
        "room": "cellar",
        "doors": 2,
    }
    assert shown["observer"] == [{"type": "bell"}]


@pytest.mark.usefixtures("all_three")
def test_an_observer_hears_of_deployments(file: Path) -> None:
    """Under a fake it does not: it may tell the world."""
    app = load(file)
    bell: Any = app._own.observers[0]
    app._parts.notify(Event(id="r1", at=0))
    assert len(bell.rung) == 1
    with Fake() as fake:
        assert app.deploy("one").ok
        fake.assert_serving("one")
    assert len(bell.rung) == 1


@pytest.mark.usefixtures("all_three")
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("dors = 2", "backend.dors: unknown key; did you mean backend.doors?"),
        ('doors = "two"', "backend.doors: expected a whole number, got 'two'"),
        ("shelves = 1", "backend.shelves: expected a list, got 1"),
    ],
)
def test_a_wrong_key_names_file_and_key(file: Path, wrong: str, message: str) -> None:
    """As with our own backends; what is missing too."""
    file.write_text(CONFIG.replace("doors    = 2", wrong))
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == f"{file}: {message}"
    file.write_text(CONFIG.replace('room     = "${ROOM}"\n', ""))
    with pytest.raises(ConfigError, match=r"shop\.toml: backend\.room: is missing"):
        load(file)


@pytest.mark.usefixtures("all_three")
def test_a_strategy_that_a_backend_has_not_is_told(file: Path) -> None:
    """One in place cannot roll."""
    file.write_text(CONFIG.replace("recreate", "rolling"))
    with pytest.raises(ConfigError, match=r'backend\.strategy: a backend of type "rack" replaces in place'):
        load(file)


def test_keys_can_be_read_without_a_config_file() -> None:
    """In the tests of a plug-in."""
    assert Setting(app="shop", keys={"room": "a"}).read(RackKeys) == RackKeys("a", 1, [])
    with pytest.raises(ConfigError, match="dors: unknown key; did you mean doors"):
        Setting(app="shop", keys={"room": "a", "dors": 1}).read(RackKeys)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (
            "backends_rack",
            "broken",
            "backend.type: the plug-in 'rack' of {} cannot be used: ZeroDivisionError: no shelf",
        ),
        ("backends_rack", "nosuch", "backend.type: the plug-in 'rack' of {} cannot be used: AttributeError: "),
        ("backends_rack", "hollow", "backend.type: the plug-in 'rack' of {} is none: it lacks beside, complete, "),
        ("backends_rack", "ending", "backend.type: the plug-in 'rack' of {} cannot be used: SystemExit: no room here"),
        ("backends_rack", "refusing", "backend.room: there is no such room"),
        ("probes_ping", "hollow", "health.probe[0].type: the plug-in 'ping' of {} is none: it lacks aimed, look, "),
        ("observers_bell", "hollow", "observer[0].type: the plug-in 'bell' of {} is none: it lacks __call__"),
    ],
)
def test_a_broken_plug_in_is_one_clear_error(file: Path, install: Install, kind: str, value: str, message: str) -> None:
    """It names the package, and what is wrong with it; there is no traceback, and nothing was touched."""
    install(**{"backends_rack": "rack", "probes_ping": "Ping", "observers_bell": "Bell", kind: value})
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}: {message.format(f'{__name__}:{value}')}")
    assert caught.value.hint


def test_what_a_plug_in_says_of_a_secret_is_blanked_out(
    file: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may repeat what it was given."""
    monkeypatch.setenv("ROOM_PASSWORD", "hunter2-hunter2")
    file.write_text(CONFIG.replace("${ROOM}", "${ROOM_PASSWORD}"))
    install(backends_rack="telling", probes_ping="Ping", observers_bell="Bell")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_an_engine_that_is_away_is_told_as_such(file: Path, install: Install) -> None:
    """Exit 5, not a bug."""
    install(backends_rack="away", probes_ping="Ping", observers_bell="Bell")
    with pytest.raises(EngineUnreachable, match="the rack is locked"):
        load(file)


def test_two_packages_with_one_name_are_told(file: Path, install: Install) -> None:
    """Which of them is meant, nobody knows."""
    install(backends_rack="rack", probes_ping="Ping", observers_bell="Bell")
    install(backends_rack="hollow")
    with pytest.raises(ConfigError, match=r"backend\.type: 'rack' is brought by .*rack and .*hollow"):
        load(file)


def test_one_that_is_not_installed_is_told(file: Path, install: Install) -> None:
    """With what there is, and the one that may have been meant."""
    install(backends_racks="rack")
    with pytest.raises(ConfigError) as caught:
        load(file)
    told = str(caught.value)
    names = "'compose' or 'docker' or 'process' or 'swarm' or 'racks'"
    assert f"backend.type: expected {names}, got 'rack'; did you mean 'racks'?" in told
    assert "health.probe[0].type: expected " in told
    assert "observer[0].type: no plug-in 'bell' is installed" in told
    assert caught.value.hint == "If it is a plug-in's, install the package that brings it beside deploykit."
    file.write_text(CONFIG.replace('type = "bell"', 'kind = "bell"'))
    with pytest.raises(ConfigError, match=r"observer\[0\]\.type: is missing"):
        load(file)
