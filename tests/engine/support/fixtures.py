"""The fixtures of engine tests. They work wherever a test carries the mark `engine`."""

from __future__ import annotations

import functools
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol, TypeVar

import pytest

from scripts import tools
from scripts.engine import why_not
from scripts.packages import NotInstallable
from scripts.registry import OwnRegistry, Registry
from scripts.sweep import sweep, sweep_images
from tests.engine.support import names
from tests.engine.support.images import Images, build_base
from tests.engine.support.project import App, ComposeApp, DockerApp
from tests.engine.support.proxy import build_proxy
from tests.engine.support.rolling import KINDS as ROLLING
from tests.engine.support.rolling import RollingApp
from tests.engine.support.stand import Stand
from tests.engine.support.swarm import make_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.engine.support.cluster import Cluster


AnyApp = TypeVar("AnyApp", bound=App)
KINDS: dict[str, type[App]] = {"compose": ComposeApp, "docker": DockerApp}


class MakeApp(Protocol):
    """Makes another app of some kind, also of images in another registry."""

    def __call__(self, kind: type[AnyApp], images: Images | None = None, /) -> AnyApp: ...


@functools.cache
def no_engine() -> str:
    """Return why engine tests cannot run here, or nothing."""
    told = os.environ.get("DEPLOYKIT_TEST_NO_ENGINE")
    if told or os.environ.get("DEPLOYKIT_TEST_ENGINE"):
        return told or ""
    if missing := why_not():
        return missing
    return "" if tools.has_compose() else "docker compose (v2) is missing"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("engine") and (reason := no_engine()):
        pytest.skip(f"no engine: {reason}")


@pytest.fixture(scope="session")
def registry_program() -> str:
    """The program of which registries are started."""
    found = tools.find("docker-registry")
    if found is None:
        pytest.skip("no engine: docker-registry is not installed")
    return found


@pytest.fixture(scope="session")
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The registry that all tests share; to break one, take `make_registry`."""
    if address := os.environ.get("DEPLOYKIT_TEST_REGISTRY"):
        yield Registry(address)
        return
    own = OwnRegistry.create(tmp_path_factory.mktemp("registry"), request.getfixturevalue("registry_program"))
    yield own
    own.stop()


@pytest.fixture
def make_registry(registry_program: str, tmp_path: Path) -> Iterator[Callable[[], OwnRegistry]]:
    """Makes registries of the test's own, with `stop`, `start`, `pause` and `resume`."""
    with ExitStack() as stack:

        def make() -> OwnRegistry:
            made = OwnRegistry.create(tmp_path / f"registry{len(list(tmp_path.iterdir()))}", registry_program)
            stack.callback(made.stop)
            return made

        yield make


@pytest.fixture(scope="session")
def base_image() -> Iterator[str]:
    """The image that all test images derive from; at the end all of this worker's images go."""
    try:
        yield build_base()
    except NotInstallable as error:
        pytest.skip(f"no engine: {error}")
    sweep(names.OWNER)
    sweep_images("owner", names.OWNER)


@pytest.fixture
def make_images(base_image: str) -> Iterator[Callable[[Registry], Images]]:
    """Makes repositories of images in a registry; what the engine knows of them at the end is removed."""
    with ExitStack() as stack:

        def make(registry: Registry) -> Images:
            images = Images(registry, base_image)
            stack.callback(sweep_images, "scope", images.scope)
            return images

        yield make


@pytest.fixture
def images(make_images: Callable[[Registry], Images], registry: Registry) -> Images:
    """The test's own repository in the shared registry."""
    return make_images(registry)


@pytest.fixture
def make_app(images: Images, tmp_path: Path) -> Iterator[MakeApp]:
    """Makes apps; nothing of them is left at the end."""
    with ExitStack() as stack:

        def make(kind: type[AnyApp], of: Images | None = None, /) -> AnyApp:
            name = names.scope()
            app = kind(tmp_path / name, of or images, name)
            stack.callback(app.remove)
            return app

        yield make


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> type[App]:
    """Every kind of app in turn, for what all of them promise."""
    return KINDS[request.param]


@pytest.fixture
def app(make_app: MakeApp, kind: type[App]) -> App:
    """An app of the test's own, of each kind in turn: files written, nothing started."""
    return make_app(kind)


@pytest.fixture
def compose_app(make_app: MakeApp) -> ComposeApp:
    """A Compose app of the test's own: files written, nothing started."""
    return make_app(ComposeApp)


@pytest.fixture
def docker_app(make_app: MakeApp) -> DockerApp:
    """An app of the test's own on plain Docker: files written, nothing started."""
    return make_app(DockerApp)


@pytest.fixture(scope="session")
def three_nodes() -> Iterator[Cluster]:
    """A swarm of three nodes, for all tests that are marked ON_THREE_NODES: they come one after the other."""
    yield from make_cluster(3)


@pytest.fixture(scope="session")
def stand(three_nodes: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """An app with three replicas on it."""
    stand = Stand(three_nodes, tmp_path_factory.mktemp("stand"))
    yield stand
    stand.remove()


class MakeRolling(Protocol):
    """Makes an app behind HAProxy."""

    def __call__(self, *, replicas: int = 2, **rolling: object) -> RollingApp: ...


@pytest.fixture(scope="session")
def proxy_image(base_image: str) -> str:
    """HAProxy; it goes with all of this worker's images."""
    try:
        return build_proxy()
    except NotInstallable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no engine: no HAProxy: {error}")


@pytest.fixture
def make_rolling(
    request: pytest.FixtureRequest, images: Images, proxy_image: str, tmp_path: Path
) -> Iterator[MakeRolling]:
    """Makes apps behind HAProxy, of the kind of backend that the test is parametrised with, else of Compose."""
    kind = ROLLING[getattr(request, "param", "compose")]
    with ExitStack() as stack:

        def make(*, replicas: int = 2, **rolling: object) -> RollingApp:
            name = names.scope()
            app = kind(tmp_path / name, images, name, proxy=proxy_image, replicas=replicas, rolling=rolling)
            stack.callback(app.remove)
            return app

        yield make
