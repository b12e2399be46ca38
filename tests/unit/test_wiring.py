"""From a config file to an App."""

from pathlib import Path

import pytest

from deploykit.app import App
from deploykit.backends.compose import ComposeBackend
from deploykit.backends.engine.settings import Rollout
from deploykit.backends.process import ProcessBackend
from deploykit.backends.swarm import Demands, Pace, ServiceBackend, StackBackend, StackFile
from deploykit.clock import SystemClock
from deploykit.config import read_config
from deploykit.errors import ConfigError
from deploykit.hook_commands import HookCommands
from deploykit.hooks import Hook
from deploykit.observers.webhook import Webhook
from deploykit.probes import CommandProbe, ContainerProbe, HttpProbe, TcpProbe
from deploykit.protocols import PullPolicy
from deploykit.store import StateFolder
from deploykit.wiring import Adapters, assemble, load, wire
from tests.unit.world import World

COMPOSE = """\
[app]
name = "shop"
image = "registry.test/shop"
[backend]
type = "compose"
file = "sub/c.yml"
services = ["web", "worker"]
image_env = "IMAGE"
project = "stage"
tag_env = "TAG"
pull = "missing"
pull_timeout = 7
host = "unix:///x"
rehearse = true
release_command = ["migrate"]
release_timeout = 60
parallelism = 2
drain = 5
pre_stop = ["quit"]
recreate_services = ["worker"]
[health]
attempts = 3
interval = 1.5
stable_for = 2
max_restarts = 4
bake = 9
[[health.probe]]
type = "http"
url = "http://127.0.0.1:1/"
[[health.probe]]
type = "tcp"
port = 2
service = "worker"
[[health.probe]]
type = "container"
[[health.probe]]
type = "command"
argv = ["x"]
[rollback]
auto = false
previous_tag_file = "tag"
[state]
dir = "var/state"
"""
PROCESS = '[app]\nname = "shop"\nimage = "shop"\n[backend]\ntype = "process"\ncommand = ["./serve"]\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text(COMPOSE)
    return path


def test_loading_reads_the_file_and_touches_nothing_else(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No engine is asked, and no folder made: there need not even be a docker."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    app = load(file)
    assert isinstance(app, App)
    assert app.name == "shop"
    assert list(tmp_path.iterdir()) == [file]


def test_the_usual_file_is_read_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """deploykit.toml, when none is named."""
    (tmp_path / "deploykit.toml").write_text(PROCESS)
    monkeypatch.chdir(tmp_path)
    assert load().name == "shop"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Exit 2."""
    with pytest.raises(ConfigError, match=r"there is no config file .*nosuch\.toml"):
        load(tmp_path / "nosuch.toml")


def test_a_target_has_everything_of_its_own(tmp_path: Path) -> None:
    """State, tag file, name, and its own name in what commands and notices are told."""
    notify = '[notify]\nurl = "https://hooks.test/"\n[hooks]\non_failure = ["x"]\n[target.a]\n[target.b]\n'
    (tmp_path / "p.toml").write_text(PROCESS + notify)
    app = load(tmp_path / "p.toml", target="b")
    assert (app.name, app.target) == ("shop-b", "b")
    adapters = wire(read_config(tmp_path / "p.toml", {}, "b"))
    assert isinstance(adapters.state, StateFolder)
    assert adapters.state.path == tmp_path / ".deploykit" / "targets" / "b"
    adapters.state.tag_text.write("one")
    assert (tmp_path / ".previous_image_tag.b").read_text() == "one\n"
    assert isinstance(adapters.hooks, HookCommands)
    assert adapters.hooks.environment["DEPLOYKIT_TARGET"] == "b"
    (webhook,) = adapters.observers
    assert isinstance(webhook, Webhook)
    assert (webhook.app, webhook.target) == ("shop-b", "b")
    with pytest.raises(ConfigError, match="has targets, and none was named: a, b"):
        load(tmp_path / "p.toml")


def test_what_a_targets_probe_has_against_its_keys_is_told_as_it_is_written(tmp_path: Path) -> None:
    """Below the target."""
    probe = '[[target.a.health.probe]]\ntype = "http"\nurl = "ftp://x"\n'
    (tmp_path / "p.toml").write_text(PROCESS + probe)
    with pytest.raises(ConfigError, match=r"p\.toml: target\.a\.health\.probe\[0\]\.url"):
        load(tmp_path / "p.toml", target="a")


def test_every_key_reaches_what_it_is_for(file: Path, tmp_path: Path) -> None:
    """Paths start at the file's folder."""
    adapters = wire(read_config(file, {}))
    backend = adapters.backend
    assert isinstance(backend, ComposeBackend)
    assert (backend.name, list(backend.files), list(backend.services)) == (
        "shop",
        [tmp_path / "sub" / "c.yml"],
        ["web", "worker"],
    )
    assert (backend.image_env, backend.tag_env, backend.pull_timeout, backend.host) == ("IMAGE", "TAG", 7, "unix:///x")
    assert (backend.project, backend.today.project_name()) == ("stage", "stage")
    assert backend.judged_by_healthcheck == {"web"}
    assert backend.rollout == Rollout(
        strategy="recreate",
        parallelism=2,
        drain=5,
        pre_stop=("quit",),
        recreate_services=frozenset({"worker"}),
        release_command=("migrate",),
        release_timeout=60,
    )
    assert isinstance(adapters.state, StateFolder)
    assert (adapters.state.path, backend.state) == (tmp_path / "var" / "state",) * 2
    assert isinstance(adapters.clock, SystemClock)
    adapters.state.tag_text.write("one")
    assert (tmp_path / "tag").read_text() == "one\n"


def test_each_probe_is_of_its_type_and_service(file: Path) -> None:
    """The main service's when not said; in their order."""
    probes = wire(read_config(file, {})).probes
    assert [(type(probe), probe.service) for probe in probes] == [
        (HttpProbe, "web"),
        (TcpProbe, "worker"),
        (ContainerProbe, "web"),
        (CommandProbe, "web"),
    ]


def test_policies_are_those_of_the_file(file: Path) -> None:
    """Of health, of pulling, and whether a failed deploy goes back by itself."""
    app = load(file)
    health = app._parts.health
    assert (health.attempts, health.interval, health.stable_for, health.max_restarts) == (3, 1.5, 2, 4)
    assert (health.bake, app._defaults.rehearse) == (9, True)
    assert (app._defaults.pull, app._defaults.auto, app._defaults.tag) == (PullPolicy.missing, False, None)
    assert app._defaults.image.name == "registry.test/shop"
    assert app.config["app"] == {"name": "shop", "image": "registry.test/shop"}


def test_processes_are_wired_too(tmp_path: Path) -> None:
    """With the defaults of the file."""
    (tmp_path / "p.toml").write_text(PROCESS)
    adapters = wire(read_config(tmp_path / "p.toml", {}))
    assert isinstance(adapters.backend, ProcessBackend)
    assert adapters.probes == ()


def test_what_a_probe_has_against_its_keys_names_file_and_table(file: Path) -> None:
    """By number: there may be several."""
    file.write_text(COMPOSE.replace('argv = ["x"]', 'argv = ["x"]\ntimeout = -1'))
    with pytest.raises(ConfigError, match=r"shop\.toml: health\.probe\[3\]\.timeout"):
        load(file)


def test_other_adapters_can_be_put_in_place(file: Path) -> None:
    """That is how tests run an unchanged config on the fakes."""
    file.write_text(COMPOSE.replace("registry.test/shop", "example.com/team/web"))
    world = World()
    app = assemble(read_config(file, {}), Adapters(world.backend, tuple(world.probes), world.state, world.clock))
    assert app.deploy("one").exit_code == 0
    assert world.serves == ["one"]


def test_the_tag_of_the_file_is_filled_in_when_it_is_needed(file: Path) -> None:
    """By a deploy without a tag of its own."""
    file.write_text(COMPOSE.replace("[backend]", 'tag = "${TAG:?pass --tag}"\n[backend]', 1))
    world = World()
    parts = Adapters(world.backend, (), world.state, world.clock)
    assert assemble(read_config(file, {"TAG": "one"}), parts).deploy().image.tag == "one"
    with pytest.raises(ConfigError, match=r"app\.tag: TAG is not set: pass --tag"):
        assemble(read_config(file, {}), parts).deploy()


def test_hooks_are_run_beside_the_config(tmp_path: Path) -> None:
    """With the app's name and the file's in their environment; without a command there are none."""
    file = tmp_path / "shop.toml"
    file.write_text(COMPOSE + '[hooks]\non_failure = ["./page.sh", "team"]\ntimeout = 5\n')
    hooks = wire(read_config(file, {"LEVEL": "info"})).hooks
    assert isinstance(hooks, HookCommands)
    assert (hooks.commands, hooks.folder, hooks.timeout) == ({Hook.on_failure: ("./page.sh", "team")}, tmp_path, 5)
    told = {"DEPLOYKIT_APP": "shop", "DEPLOYKIT_TARGET": "", "DEPLOYKIT_CONFIG": str(file)}
    assert hooks.environment == {"LEVEL": "info", **told}
    file.write_text(COMPOSE)
    assert not any(map(wire(read_config(file, {})).hooks.has, Hook))


def test_notices_are_sent_by_an_observer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its secrets are shown nowhere; without a URL there is none."""
    monkeypatch.setenv("DEPLOYKIT_BY", "alice")
    file = tmp_path / "shop.toml"
    notify = '[notify]\nurl = "https://hooks.test/T0/hunter2"\nheaders = { X-From = "hunter3" }\nevents = "all"\n'
    file.write_text(COMPOSE + notify)
    config = read_config(file, {})
    (webhook,) = wire(config).observers
    assert isinstance(webhook, Webhook)
    assert (webhook.url, webhook.headers) == ("https://hooks.test/T0/hunter2", {"X-From": "hunter3"})
    assert (webhook.app, webhook.by, webhook.events, webhook.timeout) == ("shop", "alice", "all", 5)
    shown = assemble(config, wire(config)).config
    assert shown["notify"] == {
        "url": "[redacted]",
        "headers": {"X-From": "[redacted]"},
        "events": "all",
        "timeout": 5.0,
    }
    assert "hunter" not in str(shown) + repr(webhook)
    file.write_text(COMPOSE)
    assert wire(read_config(file, {})).observers == ()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('url = "ftp://hunter2/x"', "notify.url: not an http or https URL"),
        ('url = "https://[hunter2/x"', "notify.url: not an http or https URL"),
        ('url = "https://me:hunter2@hooks.test/x"', "notify.url: has a user or a password in it"),
        ('events = "all"', "notify: url is missing"),
    ],
)
def test_a_wrong_notify_is_told_without_its_secret(tmp_path: Path, line: str, message: str) -> None:
    """By its key alone."""
    file = tmp_path / "shop.toml"
    file.write_text(f"{COMPOSE}[notify]\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        read_config(file, {})
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value) + caught.value.hint


SWARM = """\
[app]
name = "shop"
image = "shop"
[backend]
type = "swarm"
stack = "shop"
file = "sub/c.yml"
services = ["web", "worker"]
image_env = "IMAGE"
order = "start-first"
parallelism = 2
delay = 3
pull_timeout = 7
host = "unix:///x"
[[health.probe]]
type = "container"
service = "worker"
[[health.probe]]
type = "http"
port = 8080
[[health.probe]]
type = "command"
argv = ["x"]
"""


def test_every_key_of_a_swarm_reaches_what_it_is_for(file: Path, tmp_path: Path) -> None:
    """What the probes ask of the services too."""
    file.write_text(SWARM)
    backend = wire(read_config(file, {})).backend
    assert isinstance(backend, StackBackend)
    assert (backend.project, backend.file) == (
        "shop",
        StackFile(tmp_path / "sub" / "c.yml", ("web", "worker"), "IMAGE", None),
    )
    settings = backend.settings
    assert settings.pace == Pace(order="start-first", parallelism=2, delay=3)
    assert (settings.pull_timeout, settings.host, settings.services) == (7, "unix:///x", ("web", "worker"))
    assert settings.demands == Demands(
        healthcheck=frozenset({"worker"}), address=frozenset({"web"}), command=frozenset({"web"})
    )
    file.write_text(PROCESS.replace('"process"\ncommand = ["./serve"]', '"swarm"\nservice = "shop_web"'))
    assert isinstance(wire(read_config(file, {})).backend, ServiceBackend)
