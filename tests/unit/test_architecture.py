"""The direction of imports: states, release, protocols, the core and the adapters, wiring, app, cli."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import deploykit

ROOT = Path(deploykit.__file__).parent
ADAPTERS = {"backends", "probes", "observers"}
CORE = {
    "bake",
    "cause",
    "check",
    "current",
    "deployment",
    "differences",
    "eye",
    "fallen",
    "guard",
    "health",
    "hold",
    "hooks",
    "images",
    "inside",
    "journal",
    "lock",
    "machine",
    "plan",
    "prune",
    "result",
    "seam",
    "session",
    "shared",
    "spans",
    "stack",
    "status",
    "store",
    "tagfile",
    "tally",
    "targets",
    "wanted",
}
LEVELS: dict[str, int] = {
    **dict.fromkeys(["states", "errors", "redact", "processes", "clock", "text"], 0),
    **dict.fromkeys(["disk", "release", "interrupt", "graph"], 1),
    **dict.fromkeys(["record", "report", "page", "events"], 2),
    "protocols": 3,
    # They may import each other, but see below.
    **dict.fromkeys(CORE | ADAPTERS | {"config", "plugins", "hook_commands", "check_commands"}, 4),
    "app": 5,
    "wiring": 6,
    "testing": 7,
    "__init__": 7,
    "cli": 8,
    "__main__": 9,
}
FOREIGN = {
    "transitions": {"machine"},
    "tenacity": {"health"},
    "structlog": {"observers/log"},
    "sqlite3": {"journal", "testing"},
    "fcntl": {"lock", "backends", "plugins"},
    "python_on_whales": {"backends"},
    "docker": set(),
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield path.relative_to(ROOT).with_suffix("").as_posix(), path


def imported(path: Path) -> Iterator[str]:
    """Yield the full name of every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from _from(node)


def _from(node: ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        name = f"{node.module}.{alias.name}"
        inner = ROOT.joinpath(*name.split(".")[1:])
        yield name if inner.is_dir() or inner.with_suffix(".py").exists() else str(node.module)


def part(module: str) -> str:
    return module.split("/")[0]


def ours(path: Path) -> Iterator[str]:
    """Yield the part of deploykit that each import of a file is of."""
    for name in imported(path):
        if name.split(".")[0] == "deploykit":
            yield ([*name.split("."), "__init__"])[1]


ALL = list(modules())


@pytest.mark.parametrize(("module", "path"), ALL, ids=[name for name, _ in ALL])
def test_imports_go_one_way(module: str, path: Path) -> None:
    """A module imports nothing of a later level."""
    level = LEVELS[part(module)]
    later = {name for name in ours(path) if LEVELS[name] > level}
    assert not later, f"{module} imports {later}"


@pytest.mark.parametrize(("module", "path"), ALL, ids=[name for name, _ in ALL])
def test_the_core_knows_no_adapter(module: str, path: Path) -> None:
    """They meet in wiring.py alone; no adapter knows another kind of adapter, nor the loop."""
    found = set(ours(path)) - {part(module)}
    if part(module) in CORE | {"app"}:
        assert not found & (ADAPTERS | {"config", "testing"})
    if part(module) in ADAPTERS:
        assert not found & (ADAPTERS | {"deployment", "session", "machine", "config", "wiring"})


@pytest.mark.parametrize(("module", "path"), ALL, ids=[name for name, _ in ALL])
def test_a_foreign_engine_is_imported_in_one_file(module: str, path: Path) -> None:
    """transitions in machine.py, tenacity in health.py, structlog in observers/log.py."""
    for name in {name.split(".")[0] for name in imported(path)} & set(FOREIGN):
        assert {module, part(module)} & FOREIGN[name], f"{module} imports {name}"


def test_states_imports_nothing_of_ours() -> None:
    """Nor does errors."""
    assert not list(ours(ROOT / "states.py"))
    assert not list(ours(ROOT / "errors.py"))


def test_the_core_prints_nothing() -> None:
    """Nor does it configure logging: log lines, bars and JSON are observers."""
    for module, path in ALL:
        if part(module) not in {"cli", "observers"}:
            called = {
                node.func.id
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            }
            assert "print" not in called, module
