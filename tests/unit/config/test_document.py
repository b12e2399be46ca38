"""A TOML file as it is written, and with its variables filled in."""

from pathlib import Path
from types import MappingProxyType

import pytest

from deploykit.config.document import Document, dotted, fill_in, fill_in_text, read_document
from deploykit.errors import ConfigError

SHELL = MappingProxyType({"IMAGE": "web", "DB_PASSWORD": "hunter2", "TAG": "one"})


def document(**tables: object) -> Document:
    return Document(Path("web.toml"), tables, SHELL)


def test_variables_are_filled_in_wherever_there_is_a_text() -> None:
    """In tables and lists, as deep as they go; names of keys, numbers and the rest stay."""
    made = document(app={"image": "$IMAGE", "list": ["${IMAGE}", {"x": "a-${IMAGE}"}], "$IMAGE": 1, "on": True})
    assert fill_in(made) == {"app": {"image": "web", "list": ["web", {"x": "a-web"}], "$IMAGE": 1, "on": True}}


def test_the_tag_is_left_as_it_is_written() -> None:
    """Only where it is `app.tag`: its variable may be missing for every verb but `run`."""
    made = document(app={"tag": "${MISSING:?pass --tag}"}, other={"tag": "$TAG"})
    assert fill_in(made) == {"app": {"tag": "${MISSING:?pass --tag}"}, "other": {"tag": "one"}}


def test_a_variable_that_is_missing_names_file_and_key() -> None:
    """With an index where there is a list."""
    made = document(health={"probe": [{"url": "${URL:?}"}]})
    with pytest.raises(ConfigError, match=r"^web\.toml: health\.probe\[0\]\.url: URL is not set$") as caught:
        fill_in(made)
    assert caught.value.hint == "Set URL."
    with pytest.raises(ConfigError, match=r"^web\.toml: app\.tag: a '\$'"):
        fill_in_text(made, ("app", "tag"), "$")


def test_what_is_written_at_a_key() -> None:
    """None where there is nothing, whatever is in the way."""
    made = document(health={"probe": [{"url": "x"}]}, text="abc")
    assert made.at(("health", "probe", 0, "url")) == "x"
    for key in [("nothing",), ("health", "probe", 3), ("health", "probe", "url"), ("health", "x", "y"), ("text", "x")]:
        assert made.at(key) is None


@pytest.mark.parametrize(
    ("key", "text"),
    [(("app",), "app"), (("app", "tag"), "app.tag"), (("health", "probe", 0, "url"), "health.probe[0].url")],
)
def test_a_key_is_named_as_people_write_it(key: tuple[str | int, ...], text: str) -> None:
    """Dotted, with the number of a table in brackets."""
    assert dotted(key) == text


def test_only_secrets_that_the_file_names_are_blanked_out() -> None:
    """What a variable of the file holds is in no message; the rest of the shell is no business of it."""
    made = document(app={"image": "web", "list": [{"x": "${DB_PASSWORD}"}]})
    assert made.redact("hunter2 web") == "[redacted] web"
    assert document(app={"image": "$IMAGE"}).redact("hunter2") == "hunter2"


def test_a_file_is_read_with_its_name(tmp_path: Path) -> None:
    """As it was given, so that messages name what was typed."""
    (tmp_path / "web.toml").write_text("[app]\nname = 'web'\n")
    made = read_document(tmp_path / "web.toml", SHELL)
    assert (made.tables, made.name) == ({"app": {"name": "web"}}, str(tmp_path / "web.toml"))


def test_a_path_that_cannot_be_one_is_told(tmp_path: Path) -> None:
    """A null byte in it, say."""
    with pytest.raises(ConfigError, match="cannot be read"):
        read_document(Path("a\0b"), SHELL)
