"""What is deployed: references that are what registries take, and releases that are the same or not."""

import string
from itertools import groupby

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deploykit.errors import ConfigError
from deploykit.release import RELEASE_ID, ImageRef, Instance, Release, Snapshot, Status, check_tag
from tests.unit.made import image

# The grammar that registries publish (distribution/reference), written down once more, without regular expressions:
#
#   reference        := name [ ":" tag ] [ "@" digest ]
#   name             := [ domain "/" ] path-component *( "/" path-component )       at most 255 characters
#   domain           := host [ ":" port-number ]
#   host             := domain-component *( "." domain-component ) | "[" IPv6address "]"
#   domain-component := letters, digits and "-", neither first nor last a "-"
#   path-component   := alpha-numeric *( separator alpha-numeric )                  lower case
#   separator        := "." | "_" | "__" | 1*"-"
#   tag              := (letter | digit | "_") and up to 127 of these, "." and "-"
#   digest           := here only "sha256:" and 64 lower-case hexadecimal digits

LOWER = set(string.ascii_lowercase + string.digits)
WORD = set(string.ascii_letters + string.digits + "_")
SHA = "sha256:" + "0123456789abcdef" * 4


def is_component(text: str) -> bool:
    runs = [(alnum, "".join(run)) for alnum, run in groupby(text, LOWER.__contains__)]
    separators = [run for alnum, run in runs if not alnum]
    bounded = bool(runs) and runs[0][0] and runs[-1][0]
    return bounded and all(run in {".", "_", "__"} or set(run) == {"-"} for run in separators)


def is_path(text: str) -> bool:
    return all(is_component(part) for part in text.split("/"))


def is_host(text: str) -> bool:
    if text.startswith("[") and text.endswith("]"):
        return len(text) > 2 and set(text[1:-1]) <= set(string.hexdigits + ":")
    parts = text.split(".")
    return all(part and set(part) <= WORD - {"_"} | {"-"} and "-" not in part[0] + part[-1] for part in parts)


def is_domain(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return is_host(text) or (bool(colon) and is_host(host) and bool(port) and set(port) <= set(string.digits))


def is_name(text: str) -> bool:
    domain, _, path = text.partition("/")
    return len(text) <= 255 and (is_path(text) or (is_domain(domain) and is_path(path)))


def is_tag(text: str) -> bool:
    return 1 <= len(text) <= 128 and text[0] in WORD and set(text) <= WORD | {".", "-"}


def is_digest(text: str) -> bool:
    return len(text) == 71 and text.startswith("sha256:") and set(text[7:]) <= set("0123456789abcdef")


def is_tagged(text: str) -> bool:
    return is_name(text) or any(
        is_name(text[:at]) and is_tag(text[at + 1 :]) for at, sign in enumerate(text) if sign == ":"
    )


def is_reference(text: str) -> bool:
    name, at, digest = text.partition("@")
    return is_tagged(name) and (not at or is_digest(digest))


def accepts(text: str) -> bool:
    try:
        ImageRef.parse(text)
    except ConfigError:
        return False
    return True


alnum = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=5)
separator = st.sampled_from([".", "_", "__", "-", "--", "---"])
component = st.builds(
    lambda first, more: first + "".join(map("".join, more)), alnum, st.lists(st.tuples(separator, alnum), max_size=2)
)
host_part = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,4}[a-zA-Z0-9])?", fullmatch=True)
host = st.lists(host_part, min_size=1, max_size=3).map(".".join) | st.sampled_from(["[::1]", "[fe80:0:A]"])
domain = st.builds(str.__add__, host, st.just("") | st.integers(0, 99999).map(":{}".format))
path = st.lists(component, min_size=1, max_size=3).map("/".join)
name = path | st.builds("{}/{}".format, domain, path)
tag = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True)
digest = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)


@given(name, st.none() | tag, st.none() | digest)
def test_every_reference_of_the_grammar_is_read_into_its_parts(name: str, tag: str | None, digest: str | None) -> None:
    """Repository, tag and digest come out as they were put together."""
    text = name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    assert is_reference(text)
    assert ImageRef.parse(text) == ImageRef(name, tag, digest)


@given(st.text("aB0._-:/@[]é\n ", max_size=12))
@example("web@")
@example("web:")
@example("web:one@")
@example("localhost:5000")
@example("localhost:5000/web")
@example("[::1]:5000/web")
@example("[::1]")
@example("a__b/c---d")
@example("a___b")
@example("a-/b")
@example("/web")
@example("web/")
@example("web\n")
@example("web:one\n")
@example("wéb")
@example("web:ein\u0660s")
@example(SHA)
@example(f"web@{SHA}\n")
@example(f"web@sha256:{SHA[7:].upper()}")
@example(f"web@{SHA}@{SHA}")
@example("a/" * 127 + "a")
@example("a/" * 127 + "ab")
@example("web:" + "x" * 128)
@example("web:" + "x" * 129)
def test_any_text_is_a_reference_exactly_when_the_grammar_says_so(text: str) -> None:
    """Nothing more is let through to the engine, and nothing less."""
    assert accepts(text) is is_reference(text)


@given(name, tag, st.data())
def test_a_reference_with_one_character_wrong_is_judged_as_the_grammar_does(
    name: str, tag: str, data: st.DataObject
) -> None:
    """Close to what is right, the two still agree."""
    text = f"{name}:{tag}"
    at = data.draw(st.integers(0, len(text) - 1))
    wrong = text[:at] + data.draw(st.sampled_from(["", *"A-_./:@ é"])) + text[at + 1 :]
    assert accepts(wrong) is is_reference(wrong)


@given(st.text(max_size=140) | tag)
def test_a_tag_is_one_exactly_when_the_grammar_says_so(text: str) -> None:
    """And is returned as it is."""
    if is_tag(text):
        assert check_tag(text) == text
    else:
        with pytest.raises(ConfigError, match="not an image tag"):
            check_tag(text)


@pytest.mark.parametrize(
    ("repository", "tag", "digest", "message"),
    [
        ("Web", None, None, "not an image repository: 'Web'"),
        ("web", "-one", None, "not an image tag: '-one'"),
        ("web", "", None, "not an image tag: ''"),
        ("web", None, "sha256:1", "not an image digest: 'sha256:1'"),
        ("web", None, "", "not an image digest: ''"),
    ],
)
def test_what_is_wrong_is_named_with_what_it_should_look_like(
    repository: str, tag: str | None, digest: str | None, message: str
) -> None:
    """Values validate themselves, however they are made."""
    with pytest.raises(ConfigError, match=message) as caught:
        ImageRef(repository, tag, digest)
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_an_image_id_is_checked_as_a_digest_is() -> None:
    """It becomes part of commands."""
    with pytest.raises(ConfigError, match="not an image digest"):
        ImageRef("web", id="--force")


def test_a_message_shows_no_more_than_a_line_of_a_long_text() -> None:
    """What somebody pasted by mistake does not fill the screen."""
    for wrong in (lambda: check_tag("x" * 9999), lambda: ImageRef("x" * 9999), lambda: ImageRef("x", digest="y" * 999)):
        with pytest.raises(ConfigError) as caught:
            wrong()
        assert len(str(caught.value)) < 300


def test_people_know_an_image_by_repository_and_tag() -> None:
    """That is its name, and how it is printed."""
    assert str(ImageRef("web", "one", SHA)) == "web:one"
    assert ImageRef("web", digest=SHA).name == "web"


def test_an_image_is_pinned_by_digest_else_by_id() -> None:
    """The reference names its content whatever happens to its tag; without either there is none."""
    other = "sha256:" + "1" * 64
    assert ImageRef("web", "one", SHA, other).pinned == f"web:one@{SHA}"
    assert ImageRef("web", "one", None, other).pinned == other
    with pytest.raises(ValueError, match="web:one is not pinned"):
        assert ImageRef("web", "one").pinned


@given(name, st.none() | tag, digest)
def test_what_is_pinned_is_a_reference(name: str, tag: str | None, digest: str) -> None:
    """It can be read again, to the same."""
    ref = ImageRef(name, tag, digest)
    assert ImageRef.parse(ref.pinned) == ref


# Releases.


hashes = st.dictionaries(st.sampled_from(["compose.json", ".env", "env_files/a"]), st.sampled_from(["11", "22"]))
releases = st.builds(
    Release,
    st.sampled_from(["r1", "r2a"]),
    st.builds(image, st.sampled_from(["one", "two"]), st.sampled_from("ab")),
    hashes,
)


@given(releases, releases)
def test_releases_are_the_same_exactly_when_content_and_parts_are(one: Release, other: Release) -> None:
    """Image id and the hashes of the rest; neither the id of the release nor the tag matters."""
    same = (one.image.id, dict(one.parts)) == (other.image.id, dict(other.parts))
    assert one.same_as(other) is same
    assert other.same_as(one) is same
    assert (one.fingerprint == other.fingerprint) is same


def test_nothing_is_not_the_same_as_a_release() -> None:
    """So that what runs can be compared when nothing does."""
    assert not Release("r1", image("one")).same_as(None)


def test_a_fingerprint_does_not_depend_on_the_order_of_the_parts() -> None:
    """It is written on containers, and compared years later."""
    one = Release("r1", image("one"), {"a": "11", "b": "22"})
    other = Release("r1", image("one"), {"b": "22", "a": "11"})
    assert one.fingerprint == other.fingerprint
    assert one.fingerprint == Release("r1", one.image, dict(one.parts), irreversible=True).fingerprint


def test_the_parts_of_a_snapshot_are_the_hashes_of_its_files() -> None:
    """SHA-256, in hexadecimal, by name."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Snapshot({"b": b"", "a": b"x"}).parts["b"] == empty
    assert list(Snapshot({"b": b"", "a": b"x"}).parts) == ["a", "b"]


@pytest.mark.parametrize("id_", ["r1", "r12a", "r100000000000000000"])
def test_a_release_id_is_that_of_a_deployment(id_: str) -> None:
    """With an `a` for one that was adopted."""
    assert RELEASE_ID.fullmatch(id_)


@pytest.mark.parametrize("id_", ["r0", "r01", "12", "ra", "r1b", "r1aa", "r1\n", "r\u0661", "r" + "1" * 19])
def test_nothing_else_is_a_release_id(id_: str) -> None:
    """It comes from labels that anybody can write, and becomes the name of a folder."""
    assert not RELEASE_ID.fullmatch(id_)


@pytest.mark.parametrize(
    ("status", "alive"),
    [("created", False), ("running", True), ("restarting", True), ("paused", True), ("exited", False)],
)
def test_an_instance_is_alive_until_it_has_exited(status: Status, *, alive: bool) -> None:
    """One that is about to be started again is; one that was never started is not."""
    assert Instance("i1", "web", status).alive is alive
