"""The public API: what scripts import."""

import importlib
import pkgutil

import pytest

import deploykit


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


MODULES = [one.name for one in pkgutil.walk_packages(deploykit.__path__, "deploykit.")]


@pytest.mark.parametrize("module", [name for name in MODULES if "__main__" not in name])
def test_every_module_can_be_imported_and_says_what_it_is(module: str) -> None:
    """In its first line."""
    assert importlib.import_module(module).__doc__
