"""Which config file is meant when none is named."""

from pathlib import Path

import pytest

from deploykit.config.discover import find_config
from deploykit.errors import ConfigError

CONFIG = "[app]\n[backend]\n"


def test_the_environment_goes_before_everything(tmp_path: Path) -> None:
    """It need not even be there: that is told when it is read. An empty variable names nothing."""
    (tmp_path / "deploykit.toml").write_text(CONFIG)
    assert find_config({"DEPLOYKIT_CONFIG": "/else/where.conf"}, tmp_path) == Path("/else/where.conf")
    assert find_config({"DEPLOYKIT_CONFIG": ""}, tmp_path) == tmp_path / "deploykit.toml"


def test_the_usual_name_goes_before_others(tmp_path: Path) -> None:
    """Though it is broken: then that is to be told."""
    (tmp_path / "deploykit.toml").write_text("[")
    (tmp_path / "web.toml").write_text(CONFIG)
    assert find_config({}, tmp_path) == tmp_path / "deploykit.toml"


def test_the_one_that_has_both_tables_is_meant(tmp_path: Path) -> None:
    """Not a pyproject.toml, not what is broken or no text, not a folder, and nothing further down."""
    (tmp_path / "web.toml").write_bytes(b"\xef\xbb\xbf" + CONFIG.encode())
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "app.toml").write_text("[app]\n")
    (tmp_path / "broken.toml").write_text("[")
    (tmp_path / "deep.toml").write_text("a = " + "[" * 50000)
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "other.toml").write_text(CONFIG)
    assert find_config({}, tmp_path) == tmp_path / "web.toml"


def test_of_several_none_is_taken(tmp_path: Path) -> None:
    """All are named, in their order."""
    for name in ("b.toml", "a.toml"):
        (tmp_path / name).write_text(CONFIG)
    with pytest.raises(ConfigError, match=r"several config files here: a\.toml, b\.toml") as caught:
        find_config({}, tmp_path)
    assert "-c FILE" in caught.value.hint


def test_without_any_it_is_said_what_was_looked_for(tmp_path: Path) -> None:
    """Exit 2."""
    with pytest.raises(ConfigError, match=r"neither deploykit\.toml nor another") as caught:
        find_config({}, tmp_path)
    assert caught.value.exit_code == 2
