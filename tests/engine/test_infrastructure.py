"""The test images, the registry and the client behave as promised, so that a later failure is the product's own."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from scripts.commands import CommandFailed, until
from scripts.packages import NotInstallable, mirror
from tests.engine.support import names
from tests.engine.support.client import Client, Clients, Outage, Sample, get
from tests.engine.support.docker import Container, docker, inspect
from tests.engine.support.images import HEALTHY, image_id
from tests.engine.support.project import ComposeApp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scripts.registry import OwnRegistry, Registry
    from tests.engine.support.fixtures import MakeApp
    from tests.engine.support.images import Image, Images

    Start = Callable[..., "Started"]

ROOT = Path(__file__).parent.parent.parent


class Started:
    """A container of an image, started with plain docker."""

    def __init__(self, image: Image, *argv: str) -> None:
        self.port = names.free_port()
        self.began = time.monotonic()
        published = f"--publish=127.0.0.1:{self.port}:8000"
        self.id = docker("run", "-d", f"--name={names.scope()}", published, *argv, image.reference)

    def look(self) -> Container:
        return inspect(self.id)[0]

    def ended(self) -> Container:
        docker("wait", self.id)
        return self.look()

    def answers(self) -> bool:
        try:
            return get(self.port, "/version", timeout=1).status == 200
        except OSError:
            return False

    def serving(self) -> Self:
        assert until(self.answers, within=30, every=0.02), f"{self.look()}\n{docker('logs', self.id)}"
        return self


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts containers, and removes them at the end."""
    with ExitStack() as stack:

        def run_one(image: Image, *argv: str) -> Started:
            started = Started(image, *argv)
            stack.callback(docker, "rm", "-f", started.id)
            return started

        yield run_one


def test_a_plain_image_is_healthy_and_tells_its_version(images: Images, start: Start) -> None:
    """An image without further behaviour answers with its tag as version, and with healthy JSON."""
    app = start(images.push("main-abc123")).serving()
    assert get(app.port, "/version").body == "main-abc123"
    health = get(app.port, "/api/health/")
    assert (health.status, health.content_type, json.loads(health.body)) == (200, "application/json", HEALTHY)


def test_a_health_answer_is_baked_in(images: Images, start: Start) -> None:
    """Status, body and content type of the health answer are the image's."""
    app = start(images.push("v1", status=500, body='<p class="$x">\\o/</p>', content_type="text/html")).serving()
    health = get(app.port, "/api/health/")
    assert (health.status, health.content_type, health.body) == (500, "text/html", '<p class="$x">\\o/</p>')


def test_the_environment_overrides_the_image(images: Images, start: Start) -> None:
    """A container's environment has the last word on its behaviour."""
    app = start(images.push("v1"), "-e", "STATUS=503", "-e", "VERSION=other").serving()
    assert (get(app.port, "/api/health/").status, get(app.port, "/version").body) == (503, "other")


def test_health_can_hang(images: Images, start: Start) -> None:
    """An app with latency accepts the connection and does not answer in time."""
    app = start(images.push("v1", latency=30)).serving()
    with pytest.raises(TimeoutError):
        get(app.port, "/api/health/", timeout=0.2)


def test_crash_exits_with_3(images: Images, start: Start) -> None:
    """A request to /crash ends the container with exit code 3."""
    app = start(images.push("v1")).serving()
    assert get(app.port, "/crash/").body == "crashing"
    assert app.ended().exit_code == 3


def test_it_can_exit_at_start(images: Images, start: Start) -> None:
    """An image can exit at once, with its own code and a reason on stderr."""
    app = start(images.push("v1", exit_after=0, exit_code=7))
    assert app.ended().exit_code == 7
    logs = subprocess.run(["docker", "logs", app.id], capture_output=True, text=True, check=True)
    assert logs.stderr.strip() == "ImportError: courts"


def test_it_can_exit_later(images: Images, start: Start) -> None:
    """An image can serve for a time and exit then."""
    app = start(images.push("v1", exit_after=5)).serving()
    assert app.ended().exit_code == 1
    assert time.monotonic() - app.began > 5


def test_a_crash_loop_restarts(images: Images, start: Start) -> None:
    """Under a restart policy the engine starts a crashing image again and again."""
    app = start(images.push("v1", exit_after=0), "--restart=unless-stopped")
    assert until(lambda: app.look().restarts >= 2, within=10)


def test_the_oom_killer_ends_it(images: Images, start: Start) -> None:
    """An image that eats more memory than it may have is killed: OOM, exit code 137."""
    # Not at once: engine 20.10 misses one in twelve OOM kills that come with the start, flag and event alike.
    app = start(images.push("v1", eat_memory=256, exit_after=1), "--memory=16m")
    ended = app.ended()
    assert (ended.exit_code, ended.oom_killed) == (137, True)


def test_a_slow_start_does_not_answer_before(images: Images, start: Start) -> None:
    """An image with a start delay runs, and answers only after it."""
    app = start(images.push("v1", start_delay=1)).serving()
    assert time.monotonic() - app.began > 1


@pytest.mark.timed
def test_it_stops_promptly(images: Images, start: Start) -> None:
    """SIGTERM ends the app at once, with exit code 0."""
    app = start(images.push("v1")).serving()
    began = time.monotonic()
    docker("kill", "--signal=TERM", app.id)
    assert app.ended().exit_code == 0
    assert time.monotonic() - began < 1


def test_it_can_ignore_term(images: Images, start: Start) -> None:
    """An image that ignores SIGTERM goes on until it is killed."""
    app = start(images.push("v1", ignore_term=True)).serving()
    docker("stop", "-t", "1", app.id)
    assert app.ended().exit_code == 137


@pytest.mark.parametrize(("status", "expected"), [(200, "healthy"), (500, "unhealthy")])
def test_a_healthcheck_follows_the_answer(images: Images, status: int, expected: str, start: Start) -> None:
    """An image with a HEALTHCHECK is told healthy or not by its own health answer."""
    app = start(images.push("v1", status=status, healthcheck=True)).serving()
    assert until(lambda: app.look().health == expected, within=10)


def test_a_push_leaves_the_engine_as_it_was(images: Images) -> None:
    """A pushed image is not at hand, and a tag pushed again stays what it was locally, until it is pulled."""
    first = images.push("v1")
    assert image_id(first.reference) is None
    docker("pull", "-q", first.reference)
    second = images.push("v1", status=500)
    assert image_id(first.reference) == first.image_id
    assert image_id(second.image_id) is None
    docker("pull", "-q", second.reference)
    assert image_id(first.reference) == second.image_id != first.image_id


def test_the_same_behaviour_is_the_same_image(images: Images, registry: Registry) -> None:
    """The same behaviour under another tag has the same content, in the registry and after a pull."""
    first, second = images.push("v1"), images.push("v2", version="v1", local=True)
    assert second.digest == first.digest == registry.digest(first.repository, "v2")
    assert image_id(second.reference) == first.image_id


def test_a_further_behaviour_is_pushed_in_no_time(images: Images) -> None:
    """A behaviour costs one layer of settings, not a build of the app."""
    images.push("v1")
    began = time.monotonic()
    images.push("v2")
    assert time.monotonic() - began < 3


def test_a_registry_can_hang_and_be_down(make_registry: Callable[[], OwnRegistry]) -> None:
    """A registry of the test's own hangs while it is paused, is away while stopped, and comes back with its content."""
    registry = make_registry()
    registry.pause()
    with pytest.raises(CommandFailed, match="timed out"):
        docker("pull", f"{registry.address}/web:v1", timeout=0.5)
    registry.resume()
    assert registry.answers()
    registry.stop()
    assert not registry.answers()
    registry.start()
    assert registry.answers()


def test_a_tag_can_be_taken_away(
    make_registry: Callable[[], OwnRegistry], make_images: Callable[[Registry], Images]
) -> None:
    """A tag that the registry forgot cannot be pulled any more."""
    registry = make_registry()
    image = make_images(registry).push("v1")
    registry.forget(image.repository, "v1")
    with pytest.raises(CommandFailed):
        docker("pull", image.reference)


def test_an_app_is_started_by_hand(compose_app: ComposeApp) -> None:
    """The Compose app runs under its own project name, serves the tag, and is stopped by the engine's own client."""
    image = compose_app.push("main-xyz789")
    compose_app.up_by_hand("main-xyz789")
    assert compose_app.serves("main-xyz789")
    container = compose_app.container()
    assert (container.name, container.state) == (f"{compose_app.name}-web-1", "running")
    assert (container.image, container.image_id) == (image.reference, image.image_id)


def test_an_app_leaves_nothing_behind(make_app: MakeApp) -> None:
    """Removing an app takes its containers, networks and volumes away, and no other app's."""
    other, app = make_app(ComposeApp), make_app(ComposeApp)
    app.write_compose(web="volumes: [data:/data]", rest="volumes: {data: {}}")
    for each in (other, app):
        each.push("v1")
        each.up_by_hand("v1")
    assert docker("volume", "ls", "-q", "--filter", f"name={app.name}")
    app.remove()
    assert app.containers() == []
    assert docker("network", "ls", "-q", "--filter", f"name={app.name}_") == ""
    assert docker("volume", "ls", "-q", "--filter", f"name={app.name}_") == ""
    assert other.container().running


def test_a_client_sees_an_outage(compose_app: ComposeApp) -> None:
    """The client sees no outage while the app serves, and one as long as the app is stopped."""
    compose_app.push("v1")
    compose_app.up_by_hand("v1")
    assert compose_app.serves("v1")
    with compose_app.client() as client:
        assert until(lambda: len(client.samples) > 5, within=5)
        assert client.outage() == Outage(0.0, 0.0, 0)
        began = time.monotonic()
        compose_app.compose("restart", "-t", "0", tag="v1")
        assert compose_app.serves("v1")
        assert until(lambda: client.samples[-1].answer == "v1", within=5)
    assert 0 < client.outage().longest <= time.monotonic() - began
    assert client.answers() == ["v1"]


def test_an_outage_lasts_until_the_next_good_answer() -> None:
    """An outage is counted from the first failed request to the end of the next good one, or to the last look."""
    marks = "a--a-b--"
    samples = [Sample(at, at + 0.5, None if mark == "-" else mark) for at, mark in enumerate(marks)]
    client = Client(0, samples=samples)
    assert client.outage() == Outage(longest=2.5, total=2.5 + 1.5 + 1.5, times=3)
    assert client.answers() == ["a", "b"]


def test_of_three_two_must_answer() -> None:
    """It is an outage where two are down at once, from the other's first failed request to one's next good answer."""
    each = [
        Client(0, samples=[Sample(at, at + 0.5, None if mark == "-" else mark) for at, mark in enumerate(marks)])
        for marks in ("a---a-aa", "aa---aaa", "aaaaaa-a")
    ]
    assert Clients(0, each=each, least=1).outage() == Outage(0.0, 0.0, 0)
    assert Clients(0, each=each, least=2).outage() == Outage(longest=2.5, total=2.5 + 0.5 + 0.5, times=3)
    assert Clients(0, each=each, least=3).outage() == Outage(longest=6.5, total=6.5, times=1)


def test_the_config_says_what_was_changed(compose_app: ComposeApp) -> None:
    """The app's config is valid TOML with the test's changes, and its compose file is one that Compose takes."""
    tomllib = pytest.importorskip("tomllib")
    compose_app.write_config(health={"stable_for": 3, "attempts": None}, probe={"warn": None}, notify={"url": "x"})
    web = 'hostname: "app-${WEB_IMAGE_TAG}"\nrestart: always'
    compose_app.write_compose(web=web, services="db:\n  image: db", rest="volumes:\n  data: {}")
    config = tomllib.loads(compose_app.config.read_text())
    assert (config["health"]["interval"], config["health"]["stable_for"], config["notify"]) == (0.5, 3, {"url": "x"})
    assert "attempts" not in config["health"]
    assert config["health"]["probe"][0]["require"] == {"ok": True, "checks.database": True}
    resolved = json.loads(compose_app.compose("config", "--format", "json", tag="v1"))
    assert (resolved["name"], [*resolved["services"]]) == (compose_app.name, ["db", "web"])
    assert (resolved["services"]["web"]["hostname"], resolved["services"]["web"]["restart"]) == ("app-v1", "always")


def test_deploykit_is_run_in_the_apps_folder(compose_app: ComposeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command runs as a process whose end is told, and the user's own settings do not reach it."""
    monkeypatch.setenv("DEPLOYKIT_CONFIG", "/nowhere")
    done = compose_app.deploykit("history", "--json", timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "debian.sources",
            "Types: deb\n# old\nURIs: file:/m/security\n\nTypes: deb\nURIs: file:/m/debian\nSuites: x\n",
        ),
        (
            "sources.list",
            "# deb file:/no x main\ndeb file:/m/security x main\ndeb [arch=amd64 a=b] file:/m/debian x main",
        ),
    ],
)
def test_the_mirror_is_the_machines_own(tmp_path: Path, name: str, text: str) -> None:
    """The Debian mirror is read from either kind of sources file, and never the security one."""
    sources = tmp_path / name
    with pytest.raises(NotInstallable):
        mirror((sources,))
    sources.write_text(text)
    assert mirror((sources,)) == "file:/m/debian"


def test_no_address_is_in_the_setup() -> None:
    """What sets the tests up names no mirror, registry or index of packages."""
    files = [ROOT / "Makefile", ROOT / "constraints.txt", *ROOT.glob("scripts/*"), *ROOT.glob(".ci/*")]
    texts = {path.name: path.read_text() for path in files if path.is_file()}
    for no_address in ("unix://", "http://www.w3.org/2000/svg"):
        texts = {name: text.replace(no_address, "") for name, text in texts.items()}
    assert [name for name, text in texts.items() if "://" in text] == []
