"""Names, tags, variables and whole configs, whatever is in them: refused with a reason, or passed on as data."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploykit.backends.docker.create import Recipe, create_args
from deploykit.backends.docker.settings import ContainerSettings
from deploykit.cli.arguments import parse
from deploykit.config import read_config
from deploykit.errors import ConfigError
from deploykit.release import ImageRef, check_tag
from deploykit.store import ReleaseFolders
from deploykit.tagfile import TagFile
from deploykit.testing import MemoryState
from tests.unit.world import World

NASTY = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["a b", "a;b", "$(id)", "`id`", "a\nb", "a\x00b", "-v", "--privileged", "../../etc", "a/../b", "'", '"', "a&&b"]
    ),
)
# The grammar of references as the distribution project publishes it, put down anew; lengths are checked beside it.
ALNUM = "[a-z0-9]+"
PART = rf"{ALNUM}(?:(?:\.|_|__|-+){ALNUM})*"
DOMAIN_PART = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
DOMAIN = rf"(?:{DOMAIN_PART}(?:\.{DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
DIGEST = r"sha256:[0-9a-f]{64}"
REFERENCE = re.compile(rf"(?:{DOMAIN}/)?{PART}(?:/{PART})*(?::{TAG})?(?:@{DIGEST})?")


def _joined(alphabet: str, between: list[str], most: int) -> st.SearchStrategy[str]:
    """Words of an alphabet with something between them."""
    word = st.text(alphabet, min_size=1, max_size=4)
    pieces = st.lists(st.tuples(st.sampled_from(between), word), max_size=most)
    return st.builds(lambda first, rest: first + "".join(map("".join, rest)), word, pieces)


LOWER, UPPER, DIGITS = "abz", "AZ", "019"
PATH = _joined(LOWER + DIGITS, [".", "_", "__", "-", "--", "/"], 4)
DOMAINS = st.builds(
    lambda name, port: f"{name}{port}/", _joined(LOWER + UPPER + DIGITS, [".", "-"], 2), st.sampled_from(["", ":5000"])
)
TAGS = st.builds(
    lambda first, rest: f":{first}{rest}",
    st.sampled_from(LOWER + UPPER + DIGITS + "_"),
    st.text(LOWER + "._-", max_size=9),
)
DIGESTS = st.builds(lambda text: f"@sha256:{text}", st.text("0af", min_size=64, max_size=64))
NOTHING = st.just("")
REFERENCES = st.tuples(NOTHING | DOMAINS, PATH, NOTHING | TAGS, NOTHING | DIGESTS).map("".join)


@given(REFERENCES)
def test_every_reference_of_the_grammar_is_one(text: str) -> None:
    """And says again what it was."""
    assert REFERENCE.fullmatch(text)
    image = ImageRef.parse(text)
    assert text.startswith(image.repository)
    assert image.tag is None or f":{image.tag}" in text
    assert ImageRef.parse(image.pinned if image.digest else image.name) == image


@given(NASTY)
def test_whatever_is_no_reference_is_refused(text: str) -> None:
    """What is taken fits the grammar, so begins with no dash, and has no space, quote or semicolon in it."""
    try:
        ImageRef.parse(text)
    except ConfigError:
        return
    assert REFERENCE.fullmatch(text)


@given(NASTY)
def test_whatever_is_no_tag_is_refused_wherever_it_comes_from(text: str) -> None:
    """From the command line, the library, or a tag file that somebody wrote."""
    world = World()
    state = MemoryState(world.clock)
    try:
        assert re.fullmatch(TAG, check_tag(text))
    except ConfigError:
        acts: list[Callable[[], object]] = [lambda: world.deploy(text), lambda: world.rollback(text)]
        for act in acts:
            with pytest.raises(ConfigError):
                act()
    state.tag_text.text = text
    with_notes = TagFile(state.tag_text, state.journal(world.backend.identity()))
    try:
        written = with_notes.written_by_hand()
    except ConfigError:
        return
    assert written is None or re.fullmatch(TAG, written)
    assert world.rows == [] or re.fullmatch(TAG, text)


@given(NASTY)
def test_no_release_id_leads_out_of_the_folder(text: str) -> None:
    """It is an id, or refused."""
    folders = ReleaseFolders(Path("/state/releases"))
    try:
        folder = folders.folder(text)
    except ConfigError:
        return
    assert folder.parent == folders.root
    assert re.fullmatch(r"r[0-9]+a?", folder.name)


@given(st.lists(NASTY, max_size=4))
def test_whatever_is_typed_is_understood_or_refused(words: list[str]) -> None:
    """No traceback: help, a verb with its arguments, or a usage error."""
    try:
        parse(["run", *words])
    except (ConfigError, SystemExit):
        return


@given(st.dictionaries(NASTY, NASTY, max_size=3), st.lists(NASTY, max_size=3), st.lists(NASTY, max_size=3))
def test_what_a_container_is_made_with_is_data(names: dict[str, str], values: list[str], argv: list[str]) -> None:
    """Each is the value of an option, in a word of its own, or stands behind the image, where docker reads none."""
    many = tuple(values)
    made_with = ContainerSettings(environment=names, labels=names, volumes=many, extra_hosts=many, ports=many)
    recipe = Recipe(
        name="shop-r1", image="sha256:ab", settings=made_with, labels={}, networks={"shop": values}, argv=argv
    )
    with TemporaryDirectory() as folder:
        verb, *words = create_args(recipe, Path(folder, "environment"))
    end = words.index("sha256:ab")
    assert verb == "create"
    assert all(re.match(r"--[a-z-]+(=|$)", word) for word in words[:end])
    assert words[end + 1 :] == argv


VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), NASTY),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NASTY, inner, max_size=3)),
    max_leaves=6,
)
KEYS = {
    "app": ["name", "image", "tag"],
    "backend": ["type", "file", "services", "image_env", "ports", "environment", "host", "release_command", "drain"],
    "health": ["attempts", "interval", "stable_for", "probe", "bake"],
    "rollback": ["auto", "previous_tag_file"],
    "state": ["dir", "keep"],
}
GOOD: dict[str, dict[str, Any]] = {
    "app": {"name": "shop", "image": "shop/web"},
    "backend": {"type": "docker", "ports": ["8000"]},
}


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([(table, key) for table, keys in KEYS.items() for key in keys]),
    VALUES,
    st.sampled_from(["docker", "compose", "process"]),
)
def test_whatever_a_config_says_it_is_read_or_refused(place: tuple[str, str], value: object, kind: str) -> None:
    """Naming the key."""
    table, key = place
    said = {**GOOD, "backend": {"type": kind}}
    said[table] = {**said.get(table, {}), key: value}
    with TemporaryDirectory() as folder:
        path = Path(folder, "shop.toml")
        path.write_text(_toml(said), errors="surrogatepass")
        refused = ""
        try:
            read_config(path, {})
        except ConfigError as error:
            refused = str(error)
        assert not refused or "shop.toml" in refused


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([f'["target"."a"."{table}"]\n"{key}"' for table, keys in KEYS.items() for key in keys])
    | NASTY.map(lambda name: f'["target"]\n{_text(name)}'),
    VALUES,
    st.sampled_from(["a", "b"]),
)
def test_whatever_a_target_says_it_is_read_or_refused(place: str, value: object, target: str) -> None:
    """The one that is meant, and the other."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "shop.toml")
        more = f"\n{place} = {_value(value)}\n[target.b.backend]\ntype = 'compose'\nfile = 'x'\nservices = ['x']\n"
        path.write_text(_toml(GOOD) + more, errors="surrogatepass")
        refused = ""
        try:
            read_config(path, {}, target)
        except ConfigError as error:
            refused = str(error)
        assert not refused or "shop.toml" in refused


def _toml(tables: dict[str, dict[str, Any]]) -> str:
    lines = []
    for name, table in tables.items():
        lines.append(f"[{name}]")
        lines += [f"{_text(key)} = {_value(value)}" for key, value in table.items()]
    text = "\n".join(lines)
    tomllib.loads(text)
    return text


def _value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case str():
            return _text(value)
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return "{" + ", ".join(f"{_text(key)} = {_value(one)}" for key, one in value.items()) + "}"
        case _:
            raise TypeError(value)


def _text(text: str) -> str:
    escaped = "".join(
        one if one.isprintable() and one not in '"\\' else f"\\U{ord(one):08x}"
        for one in text
        if not 0xD800 <= ord(one) < 0xE000
    )
    return f'"{escaped}"'
