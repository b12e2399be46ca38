"""What Compose calls a project, told without asking it; an engine test holds that Compose says the same."""

from pathlib import Path

import pytest

from deploykit.config.projects import project_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("services: {}\n", "myfolder"),
        ("name: shop\n", "shop"),
        ('name: "shop"  # ours\n', "shop"),
        ("name: 'shop'\r\nservices: {}\n", "shop"),
        ("services:\n  web:\n    name: other\nname: shop\n", "shop"),
        ("name: Shop.Web_1\n", "shopweb_1"),
        ("name: shop-${STAGE:-prod}\n", "shop-prod"),
        ("name: shop-$SET\n", "shop-set"),
        ("name: ${FROM_DOTENV}\n", "dotenv"),
        ("name: shop-${STAGE}\n", "shop-${STAGE}"),
        ('{"name": "shop", "services": {}}', "shop"),
        ("{", "myfolder"),
        ("name:\n", "myfolder"),
        ("name : shop\n", "shop"),
        ("\"name\": 'shop'\n", "shop"),
    ],
)
def test_it_is_what_the_files_say_else_their_folder(tmp_path: Path, text: str, name: str) -> None:
    """As it is written where a variable of it is not set: it is the same for all who have the file."""
    folder = tmp_path / "_My.Folder"
    folder.mkdir()
    (folder / "compose.yml").write_text(text)
    (folder / ".env").write_text("FROM_DOTENV=dotenv\n")
    assert project_name([folder / "compose.yml"], {"SET": "set"}) == name


def test_the_last_file_with_a_name_has_it(tmp_path: Path) -> None:
    """One that is not there says nothing: Compose will tell."""
    for name, text in (("a.yml", "name: a\n"), ("b.yml", "name: b\n"), ("c.yml", "services: {}\n")):
        (tmp_path / name).write_text(text)
    assert project_name([tmp_path / f"{one}.yml" for one in "abcd"], {}) == "b"


def test_the_variable_of_compose_goes_before_the_files(tmp_path: Path) -> None:
    """The shell's before that of .env, or of the files named in its place."""
    (tmp_path / "a.yml").write_text("name: a\n")
    (tmp_path / ".env").write_text("COMPOSE_PROJECT_NAME=dotenv\n")
    (tmp_path / "other.env").write_text("COMPOSE_PROJECT_NAME=other\n")
    files = [tmp_path / "a.yml"]
    assert project_name(files, {}) == "dotenv"
    assert project_name(files, {"COMPOSE_ENV_FILES": str(tmp_path / "other.env")}) == "other"
    assert project_name(files, {"COMPOSE_PROJECT_NAME": "shell"}) == "shell"


def test_files_that_cannot_be_read_say_nothing(tmp_path: Path) -> None:
    """A folder, and what is no text: Compose will tell."""
    (tmp_path / "a.yml").mkdir()
    (tmp_path / ".env").mkdir()
    (tmp_path / "b.yml").write_bytes(b"\xff\xfe")
    assert project_name([tmp_path / "a.yml", tmp_path / "b.yml"], {}) == tmp_path.name.lower()
