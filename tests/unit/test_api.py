"""The public API: what scripts import."""

import importlib
import inspect
import logging
import pkgutil
import re
import signal
import threading
from pathlib import Path

import pytest
import structlog

import deploykit
from deploykit import App, Event, Outcome, Result, protocols
from deploykit.events import Looked, Saved
from deploykit.plugins import FolderStore, Found, Setting
from deploykit.store import StateFolder
from deploykit.testing import Fake, FakeApp, FakeBackend, FakeProbe, FakeRelease, Story
from tests.unit.world import POLICY, REPOSITORY, World


def test_the_names_are_sorted_and_each_is_there_once() -> None:
    """A reader finds one, and a merge keeps one."""
    assert deploykit.__all__ == sorted(set(deploykit.__all__))


@pytest.mark.parametrize("name", deploykit.__all__)
def test_every_name_can_be_imported(name: str) -> None:
    """And is documented; asked for again it is the same."""
    value = getattr(deploykit, name)
    assert getattr(deploykit, name) is value or name == "__version__"
    assert getattr(value, "__doc__", None)


def test_every_name_is_that_of_its_home() -> None:
    """A class is one class, wherever it is imported from."""
    for module, names in deploykit._HOMES.items():
        home = importlib.import_module(f"deploykit.{module}")
        assert all(getattr(deploykit, name) is getattr(home, name) for name in names)
    assert {name for names in deploykit._HOMES.values() for name in names} == set(deploykit.__all__) - {"__version__"}


def test_dir_names_the_public_api() -> None:
    """What a prompt completes is what may be used."""
    assert set(deploykit.__all__) == set(dir(deploykit))


def test_a_name_that_is_not_there_is_told_as_python_tells_it() -> None:
    """So that hasattr and mocks work."""
    with pytest.raises(AttributeError, match="module 'deploykit' has no attribute 'Deploy'"):
        deploykit.Deploy  # noqa: B018 - that is the point
    assert not hasattr(deploykit, "nothing")


def test_the_version_is_that_of_the_package() -> None:
    """Three numbers."""
    assert [part.isdigit() for part in deploykit.__version__.split(".")] == [True] * 3


@pytest.mark.parametrize("module", ["deploykit", "deploykit.testing", "deploykit.plugins"])
def test_the_typing_file_uses_every_name(module: str) -> None:
    """mypy and pyright check it; it is never run."""
    text = (Path(__file__).parents[1] / "typing" / "public_api.py").read_text()
    names = importlib.import_module(module).__all__
    assert names == sorted(set(names))
    assert not [name for name in names if not re.search(rf"\b{name}\b", text)]


@pytest.mark.parametrize("module", ["deploykit.testing", "deploykit.plugins"])
def test_the_other_packages_for_scripts_are_lazy_too(module: str) -> None:
    """Each name is that of its home, a prompt completes it, and what is not there is told as Python tells it."""
    package = importlib.import_module(module)
    assert dir(package) == sorted(package.__all__)
    assert sorted(name for names in package._HOMES.values() for name in names) == package.__all__
    for home, names in package._HOMES.items():
        found = importlib.import_module(f"{module}.{home}")
        assert all(getattr(package, name) is getattr(found, name) for name in names)
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nothing'"):
        package.nothing  # noqa: B018 - that is the point


def test_every_promise_can_be_imported_from_one_place() -> None:
    """A plug-in need not know which module of `deploykit.protocols` has it, nor may one be left out."""
    homes = [one.name for one in pkgutil.iter_modules(protocols.__path__, "deploykit.protocols.")]
    here = {
        name: value
        for home in homes
        for name, value in vars(importlib.import_module(home)).items()
        if isinstance(value, type) and value.__module__ == home
    }
    assert {name: getattr(protocols, name) for name in protocols.__all__} == here


TOLD = [getattr(deploykit, name) for name in deploykit.__all__ if isinstance(getattr(deploykit, name), type)]
TOLD += [Fake, FakeApp, FakeRelease, Story, Setting, Found, FolderStore]


@pytest.mark.parametrize("of", TOLD)
def test_whatever_can_be_called_says_what_it_does(of: type) -> None:
    """help() is all that a stranger has; adapters are documented by the contract."""
    members = [(name, member) for name, member in inspect.getmembers_static(of) if not name.startswith("_")]
    for name, member in members:
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        if inspect.isfunction(function) and function.__module__.startswith("deploykit."):
            assert function.__doc__, name


def test_two_apps_in_two_threads_do_not_meet(tmp_path: Path) -> None:
    """Each has its own state, lock and journal: both deploy at once, one of them is rolled back."""
    worlds = [World(), World()]
    both = threading.Barrier(2, timeout=10)
    results: dict[int, Result] = {}

    def deploy(number: int) -> None:
        world, folder = worlds[number], tmp_path / str(number)
        state = StateFolder(folder / "state", folder / "tag", world.clock)
        backend = FakeBackend(world.clock, state.files)
        app = App("web", REPOSITORY, backend, [FakeProbe(backend)], POLICY, state=state, clock=world.clock)
        assert app.deploy("one").ok
        if number:
            backend.release("two").crashes()
        results[number] = app.deploy("two", on_event=meet)

    def meet(event: Event) -> None:
        if isinstance(event, Saved):
            both.wait()

    threads = [threading.Thread(target=deploy, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[number].outcome for number in (0, 1)] == [Outcome.deployed, Outcome.rolled_back]


def test_a_deploy_is_cancelled_from_another_thread_as_sigterm_would() -> None:
    """It is stopped where that is safe, what served serves, and its code is that of SIGTERM."""
    world, cancel, checking = World(), threading.Event(), threading.Event()
    world.good("one")
    world.backend.release("two").never_ready()

    def stop() -> None:
        checking.wait(10)
        cancel.set()

    other = threading.Thread(target=stop)
    other.start()

    def wait(event: Event) -> None:
        if isinstance(event, Looked):
            checking.set()
            other.join(10)

    result = world.deploy("two", cancel=cancel, on_event=wait)
    assert (result.outcome, result.exit_code, result.failure and result.failure.summary) == (
        Outcome.interrupted,
        143,
        "Interrupted by SIGTERM in checking",
    )
    assert world.serves == ["one"]


def test_a_deploy_configures_nothing_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """Logging, structlog and signals are the application's."""
    handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    roots, level = list(logging.getLogger().handlers), logging.getLogger().level
    world = World()
    world.good("one")
    world.backend.release("two").crashes(log="ImportError: courts")
    assert world.deploy("two").exit_code == 1
    assert capfd.readouterr() == ("", "")
    assert (logging.getLogger().handlers, logging.getLogger().level) == (roots, level)
    assert not structlog.is_configured()
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers


MODULES = [one.name for one in pkgutil.walk_packages(deploykit.__path__, "deploykit.")]


@pytest.mark.parametrize("module", [name for name in MODULES if "__main__" not in name])
def test_every_module_can_be_imported_and_says_what_it_is(module: str) -> None:
    """In its first line."""
    assert importlib.import_module(module).__doc__
