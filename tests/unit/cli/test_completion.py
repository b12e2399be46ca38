"""`deploykit completion`, in the shells themselves where they are installed."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploykit.cli import main
from deploykit.cli.arguments import VERBS, module_of, verb_parser

COMPLETE = """
{script}
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_deploykit
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def script(capsys: pytest.CaptureFixture[str], shell: str) -> str:
    capsys.readouterr()
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def run(folder: Path, *argv: str) -> list[str]:
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True, timeout=20)
    assert not done.stderr
    return [line for line in done.stdout.splitlines() if line]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with config files and others."""
    for name in ("shop.toml", "with space.toml", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "web.toml").touch()
    return tmp_path


def options(verb: str) -> Iterator[str]:
    for action in verb_parser(verb, module_of(verb)).arguments:
        yield from action.option_strings


CASES = [
    ("", {*VERBS, "-c", "--config", "-t", "--target", "-h", "--help", "--version"}),
    ("ro", {"rollback"}),
    ("st", {"status"}),
    ("run s", {"shop.toml"}),
    ("run --pu", {"--pull"}),
    ("run --pull ''", {"always", "missing", "never"}),
    ("run --pull = n", {"never"}),
    ("run --tag ''", set()),
    ("run shop.toml --force --no", {"--no-rollback"}),
    ("rollback --files c", {"current"}),
    ("-c n", {"notes.txt"}),
    ("-c status ro", {"rollback"}),
    ("-c notes.txt graph --m", {"--mermaid"}),
    ("status w", {"with space.toml"}),
    ("status inside/", {"inside/web.toml"}),
    ("status i", {"inside"}),
    ("completion z", {"zsh"}),
]


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(("typed", "offered"), CASES, ids=[typed for typed, _ in CASES])
def test_bash_completes(folder: Path, capsys: pytest.CaptureFixture[str], typed: str, offered: set[str]) -> None:
    """Verbs, options of the verb, values that an option can have, and config files; nothing else."""
    text = COMPLETE.format(script=script(capsys, "bash"), words=f"deploykit {typed or repr('')}")
    assert set(run(folder, "bash", "--norc", "-c", text)) == offered


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_bash_completes_every_option_of_every_verb(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All that the parsers know."""
    text = script(capsys, "bash")
    for verb in VERBS:
        asked = COMPLETE.format(script=text, words=f"deploykit {verb} -")
        assert set(run(folder, "bash", "--norc", "-c", asked)) == set(options(verb))


TARGETED = "[app]\n[backend]\n[target.staging]\n[target.production]\n[target.pit]\n"


def with_targets(folder: Path) -> str:
    """Write a config with targets, and return what makes `deploykit` this one in a shell."""
    for name in ("shop.toml", "with space.toml"):
        (folder / name).write_text(TARGETED)
    (folder / "with space.toml").write_text(TARGETED.replace("pit", "pond"))
    return f'deploykit() {{ {shlex.quote(sys.executable)} -m deploykit "$@"; }}\n'


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("status shop.toml -t ''", {"staging", "production", "pit"}),
        ("run shop.toml --tag v1 --target p", {"production", "pit"}),
        ("run shop.toml --target = s", {"staging"}),
        ("-c 'with space.toml' -t p", {"production", "pond"}),
        ("status -t ''", set()),
        ("status notes.toml -t ''", set()),
    ],
)
def test_bash_completes_the_targets_of_the_file(
    folder: Path, capsys: pytest.CaptureFixture[str], typed: str, offered: set[str]
) -> None:
    """Of the one that was named before; of none where it is not known which, without an error."""
    deploykit = with_targets(folder)
    text = COMPLETE.format(script=deploykit + script(capsys, "bash"), words=f"deploykit {typed}")
    assert set(run(folder, "bash", "--norc", "-c", text)) == offered


def test_the_targets_of_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One a line, as they stand in it; a file that cannot be read is exit 2."""
    with_targets(folder)
    assert main(["completion", "targets", f"{folder}/shop.toml"]) == 0
    assert capsys.readouterr().out.split() == ["staging", "production", "pit"]
    assert main(["completion", "targets", f"{folder}/shop.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"targets": ["staging", "production", "pit"]}
    assert main(["completion", "targets", f"{folder}/nosuch.toml"]) == 2


ZSH = """
compdef() {{ : }}
compadd() {{ shift; print -l -- $@ }}
_files() {{ print -- files ${{2:-any}} }}
{script}
words=(deploykit {words})
CURRENT=${{#words}}
_deploykit
"""


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("''", {*VERBS, "-c", "--config", "-t", "--target", "-h", "--help", "--version"}),
        ("graph ''", {*options("graph"), "files *.toml"}),
        ("-c x run --pull ''", {"always", "missing", "never"}),
        ("run -c ''", {"files any"}),
        ("run --tag ''", set()),
    ],
)
def test_zsh_completes(folder: Path, capsys: pytest.CaptureFixture[str], typed: str, offered: set[str]) -> None:
    """The same as bash: zsh itself picks what begins as it was typed."""
    asked = ZSH.format(script=script(capsys, "zsh"), words=typed)
    assert set(run(folder, "zsh", "-f", "-c", asked)) == offered


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [("ro", {"rollback"}), ("run --pull ", {"always", "missing", "never"}), ("completion z", {"zsh"})],
)
def test_fish_completes(folder: Path, capsys: pytest.CaptureFixture[str], typed: str, offered: set[str]) -> None:
    """The same, with what each one is for."""
    (folder / "deploykit.fish").write_text(script(capsys, "fish"))
    asked = f"source deploykit.fish; complete -C 'deploykit {typed}'"
    assert {line.split("\t")[0] for line in run(folder, "fish", "--no-config", "-c", asked)} >= offered


def test_fish_has_every_option_of_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where fish is not installed: one line each."""
    lines = script(capsys, "fish").splitlines()
    for verb in VERBS:
        own = " ".join(line for line in lines if f"'__fish_seen_subcommand_from {verb}'" in line)
        for name in options(verb):
            assert re.search(rf" {'-l' if name.startswith('--') else '-s'} {name.lstrip('-')} ", own), name


@pytest.mark.parametrize(("words", "said"), [([], "for which shell"), (["csh"], "no completion for 'csh'")])
def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    """Exit 2, with those that there are."""
    assert main(["completion", *words]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "bash|zsh|fish" in err


def test_as_json_it_is_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    """With the shell's name."""
    text = script(capsys, "zsh")
    assert main(["completion", "zsh", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"shell": "zsh", "script": text.removesuffix("\n")}
