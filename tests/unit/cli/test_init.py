"""`init`: what is asked, what is written, and what is refused."""

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest

from deploykit.backends.compose import project
from deploykit.cli import main

FILE = "docker-compose.yml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a compose file in which the image and the path are not said."""
    services = {"web": {"image": "$REPO:$TAG", "ports": ["8000"]}}
    monkeypatch.setattr(project, "read_model", lambda file: {"name": "shop", "services": services})
    monkeypatch.chdir(tmp_path)
    (tmp_path / FILE).write_text("services: {}\n")
    return tmp_path


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Sit at a terminal, and type these; return what is asked."""
    asked, typed = [], iter(answers)

    def answer(prompt: str) -> str:
        asked.append(prompt)
        text = next(typed, None)
        if text is None:
            raise EOFError
        return text

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(builtins, "input", answer)
    return asked


def test_a_config_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Options answer what the compose file does not say; what to type next is told."""
    assert main(["init", "--image", "ghcr.io/x/shop", "--path", "/up"]) == 0
    text = (folder / "deploykit.toml").read_text()
    assert 'image = "ghcr.io/x/shop"' in text
    assert f'file      = "{FILE}"' in text
    assert "Next: `deploykit check deploykit.toml`" in capsys.readouterr().out


def test_what_is_not_said_is_asked_at_a_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only that; an empty answer takes the default."""
    asked = at_a_terminal(monkeypatch, "ghcr.io/x/shop", "")
    assert main(["init", "-o", "shop.toml"]) == 0
    assert asked == ["Which image, without a tag? ", "At which path does port 8000 tell its health? [/] "]
    assert 'path    = "/"' in (folder / "shop.toml").read_text()


def test_without_a_terminal_it_says_what_is_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, with the option; nothing is written."""
    assert main(["init", "--yes"]) == 2
    assert "hint: Say it with --image." in capsys.readouterr().err
    assert not (folder / "deploykit.toml").exists()


def test_an_end_of_input_is_no_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as without a terminal."""
    at_a_terminal(monkeypatch)
    assert main(["init"]) == 2


def test_what_is_there_is_not_written_over(folder: Path) -> None:
    """Exit 2."""
    (folder / "deploykit.toml").write_text("mine")
    assert main(["init", "--image", "x/y", "--yes"]) == 2
    assert (folder / "deploykit.toml").read_text() == "mine"


def test_without_a_compose_file_it_asks_for_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2."""
    (folder / FILE).unlink()
    assert main(["init"]) == 2
    assert "there is no compose file here" in capsys.readouterr().err


def test_a_unit_for_the_boot(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It runs `recover` for the config that is there, where a path may have anything in it."""
    odd = folder / "50% off"
    odd.mkdir()
    monkeypatch.chdir(odd)
    text: Any = '[app]\nname = "shop"\nimage = "shop"\n[backend]\ntype = "process"\ncommand = ["x"]\n'
    (odd / "shop.toml").write_text(text)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/deploykit"])
    assert main(["init", "--systemd"]) == 0
    unit = capsys.readouterr().out
    folder_word = f'"{folder}/50%% off'
    assert f'WorkingDirectory={folder_word}"' in unit
    assert f'ExecStart=/usr/bin/deploykit recover -c {folder_word}/shop.toml" --lock-wait 60' in unit
