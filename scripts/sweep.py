"""Removes what a run of the tests left on the engine, known by the run's name and by nothing else."""

from __future__ import annotations

from scripts.commands import CommandFailed, run

LABEL = "deploykit.test"
KINDS = {
    "container": ["docker", "ps", "-a", "--format", '{{.ID}} {{.Names}} {{.Label "com.docker.compose.project"}}'],
    "network": ["docker", "network", "ls", "--format", "{{.ID}} {{.Name}}"],
    "volume": ["docker", "volume", "ls", "--format", "{{.Name}} {{.Name}}"],
}
REMOVE = {
    "container": ["docker", "rm", "-f", "-v"],
    "network": ["docker", "network", "rm"],
    "volume": ["docker", "volume", "rm", "-f"],
}


def sweep(owner: str) -> None:
    """Remove the containers, networks and volumes that are named after an owner, or are of its Compose project."""
    for kind, listing in KINDS.items():
        lines = [line.split() for line in run(listing).splitlines()]
        found = [identity for identity, *names in lines if any(_is_of(owner, name) for name in names)]
        if found:
            _try([*REMOVE[kind], *found])


def sweep_images(label: str, value: str) -> None:
    """Remove the images that carry a label of ours, under whatever name, newest first."""
    found = run(["docker", "images", "-q", "--no-trunc", "--filter", f"label={LABEL}.{label}={value}"]).split()
    if found:
        _try(["docker", "rmi", "-f", *dict.fromkeys(found)])


def _is_of(owner: str, name: str) -> bool:
    return name == owner or name.startswith((f"{owner}-", f"{owner}_"))


def _try(argv: list[str]) -> None:
    try:
        run(argv)
    except CommandFailed as error:
        print(f"sweep: {error}", flush=True)
