"""Removes what a run of the tests left on the engine, known by the run's name and by nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scripts.api import Refused, ask

if TYPE_CHECKING:
    from collections.abc import Iterator

LABEL = "deploykit.test"
PROJECT = "com.docker.compose.project"


def sweep(owner: str) -> None:
    """Remove the containers, networks and volumes that are named after an owner, or are of its Compose project."""
    for one in ask("/containers/json", all=True):
        if any(_is_of(owner, name) for name in _names_of_container(one)):
            _remove(f"/containers/{one['Id']}", force=True, v=True)
    for one in ask("/networks"):
        if _is_of(owner, one["Name"]):
            _remove(f"/networks/{one['Id']}")
    for one in ask("/volumes")["Volumes"] or ():
        if _is_of(owner, one["Name"]):
            _remove(f"/volumes/{one['Name']}", force=True)


def sweep_images(label: str, value: str) -> None:
    """Remove the images that carry a label of ours, under whatever name, newest first."""
    for one in ask("/images/json", filters={"label": [f"{LABEL}.{label}={value}"]}):
        _remove(f"/images/{one['Id']}", force=True)


def _names_of_container(one: dict[str, Any]) -> Iterator[str]:
    yield from (name.removeprefix("/") for name in one["Names"] or ())
    yield (one["Labels"] or {}).get(PROJECT, "")


def _is_of(owner: str, name: str) -> bool:
    return name == owner or name.startswith((f"{owner}-", f"{owner}_"))


def _remove(path: str, **how: bool) -> None:
    try:
        ask(path, "DELETE", **how)
    except Refused as error:
        print(f"sweep: {error}", flush=True)
