"""A registry asked by HTTP: what it has, logins, redirects, and words for all that goes wrong."""

import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest

from deploykit.backends.engine.registry import catalogue
from deploykit.backends.engine.registry.exchange import Exchange
from deploykit.backends.engine.registry.place import Place
from deploykit.errors import RegistryFailed
from deploykit.release import ImageRef
from tests.unit.backends.registry import BASIC, SECRET, TOKEN, Asked, Said, StubRegistry, refused, said


def guarded(registry: StubRegistry, realm: str, *, wanted: str = f"Bearer {TOKEN}") -> Callable[[Asked], Said | None]:
    """Let pass who has the token, and tell others where it is to be had."""
    challenge = f'Bearer realm="{realm}",service="reg",scope="repository:team/web:pull"'

    def guard(asked: Asked) -> Said | None:
        if not asked.path.startswith("/v2/") or asked.authorization == wanted:
            return None
        return refused(401, "UNAUTHORIZED", WWW_Authenticate=challenge)

    return guard


def failure(registry: StubRegistry, **settings: object) -> RegistryFailed:
    """Look for tags, and return what is told of the failure, which has no secret in it."""
    with pytest.raises(RegistryFailed) as raised:
        registry.catalogue(settings or registry.login).offers(registry.repository, 20, ())
    told = f"{raised.value} {raised.value.hint}"
    assert SECRET not in told
    assert TOKEN not in told
    assert "\n" not in told
    assert raised.value.exit_code == 1
    return raised.value


def test_what_it_has(registry: StubRegistry) -> None:
    """Newest first, each with its digest, and with the size and the age of what is for this platform."""
    registry.tags("one", "two", "sha256-" + "0" * 64 + ".sig")
    first = registry.has("one", "2026-01-01T10:00:00.123456789Z", size=5)
    second = registry.has("two", "2026-01-02T10:00:00Z", size=7, index=True)
    offers = registry.catalogue().offers(registry.repository, 20, ())
    assert [(one.image.tag, one.image.digest, one.size) for one in offers.found] == [
        ("two", second, 7),
        ("one", first, 5),
    ]
    assert offers.found[0].created == 1767348000.0
    assert offers.left_out == 0


def test_an_image_for_another_platform(registry: StubRegistry) -> None:
    """It is told as such, by itself and in an index, where nobody's attestation counts."""
    registry.has("one", "2026-01-01T10:00:00Z", platform="linux/arm64")
    registry.has("two", "2026-01-01T10:00:00Z", platform="linux/arm64", index=True)
    for tag in ("one", "two"):
        offer = registry.catalogue().offer(ImageRef(registry.repository, tag))
        assert (offer.fits, offer.platforms, offer.wanted) == (False, ("linux/arm64",), "linux/amd64")


def test_an_image_that_does_not_say_its_platform(registry: StubRegistry) -> None:
    """It is taken to fit."""
    registry.has("one", "2026-01-01T10:00:00Z", platform="/")
    assert registry.catalogue().offer(ImageRef(registry.repository, "one")).fits


def test_no_more_tags_than_asked_for(registry: StubRegistry) -> None:
    """Those that are known first, then the last in the registry's own order; the rest is counted."""
    registry.tags("a", "b", "c", "d")
    for tag in "abcd":
        registry.has(tag, "2026-01-01T10:00:00Z")
    offers = registry.catalogue().offers(registry.repository, 3, {"a"})
    assert {one.image.tag for one in offers.found} == {"a", "d", "c"}
    assert offers.left_out == 1


def test_pages_of_tags(registry: StubRegistry) -> None:
    """All are read, and a link to another host is asked of this one: no login goes elsewhere."""
    registry.answers["/v2/team/web/tags/list?n=1000"] = said(
        {"tags": ["a"]}, Link='<http://elsewhere.test/v2/team/web/tags/list?last=a>; rel="next"'
    )
    registry.answers["/v2/team/web/tags/list?last=a"] = said({"tags": ["b"]})
    assert {one.image.tag for one in registry.catalogue().offers(registry.repository, 9, ()).found} == {"a", "b"}


def test_a_tag_that_went_meanwhile(registry: StubRegistry) -> None:
    """It is told at its own line, and the others are there."""
    registry.tags("gone", "one", "odd")
    registry.has("one", "2026-01-01T10:00:00Z")
    registry.answers["/v2/team/web/manifests/odd"] = said({"layers": "none"})
    found = {one.image.tag: one.problem for one in registry.catalogue().offers(registry.repository, 9, ()).found}
    assert found["one"] == ""
    assert found["gone"] == f"{registry.host} has no team/web:gone: HTTP 404 NAME_UNKNOWN"
    assert found["odd"] == f"{registry.host} tells of {registry.repository}:odd what cannot be read"


def test_a_password(registry: StubRegistry) -> None:
    """By Basic, and only when it is asked for."""
    registry.tags()
    registry.guard = lambda asked: (
        None if asked.authorization == BASIC else refused(401, WWW_Authenticate='Basic realm="x"')
    )
    assert registry.catalogue(registry.login).offers(registry.repository, 1, ()).found == []
    assert [one.authorization for one in registry.asked] == ["", BASIC]


@pytest.mark.parametrize("known", [True, False])
def test_a_token(registry: StubRegistry, *, known: bool) -> None:
    """It is got from where the registry says, with the login that there is."""
    registry.tags("one")
    registry.has("one", "2026-01-01T10:00:00Z")
    registry.guard = guarded(registry, f"http://{registry.host}/token")
    path = "/token?service=reg&scope=repository%3Ateam%2Fweb%3Apull"
    registry.answers[path] = said({"token": TOKEN})
    asking = registry.catalogue(registry.login if known else {})
    assert asking.offers(registry.repository, 1, ()).found[0].problem == ""
    (asked,) = [one for one in registry.asked if one.path == path]
    assert asked.authorization == (BASIC if known else "")


def test_a_token_that_grew_old(registry: StubRegistry) -> None:
    """It is got anew: a list may take longer than a token lives."""
    registry.tags("one")
    registry.has("one", "2026-01-01T10:00:00Z")
    tokens = iter(["first", "second"])

    def guard(asked: Asked) -> Said | None:
        if asked.path.startswith("/token"):
            return said({"token": next(tokens)})
        wanted = "Bearer first" if "/tags/" in asked.path else "Bearer second"
        return guarded(registry, f"http://{registry.host}/token", wanted=wanted)(asked)

    registry.guard = guard
    assert registry.catalogue(registry.login).offers(registry.repository, 1, ()).found[0].problem == ""


def test_an_identity_token(registry: StubRegistry) -> None:
    """It is exchanged for one that lives for some minutes; it never stands in a URL."""
    registry.tags()
    registry.guard = guarded(registry, f"http://{registry.host}/token")
    registry.answers["/token"] = said({"access_token": TOKEN})
    settings = {"auths": {f"http://{registry.host}/v1/": {"identitytoken": SECRET}}}
    registry.catalogue(settings).offers(registry.repository, 1, ())
    (asked,) = [one for one in registry.asked if one.method == "POST"]
    assert f"refresh_token={SECRET}" in asked.body
    assert not any(SECRET in one.path for one in registry.asked)


def test_a_redirect_takes_no_login_along(make_registry: Callable[[], StubRegistry]) -> None:
    """Content lies elsewhere, often: who has it gets no authorization."""
    registry, store = make_registry(), make_registry()
    registry.tags("one")
    registry.has("one", "2026-01-01T10:00:00Z")
    (blob,) = [path for path in registry.answers if "/blobs/" in path]
    store.answers["/content"] = registry.answers[blob]
    registry.answers[blob] = said(status=307, Location=f"http://{store.host}/content")
    registry.guard = lambda asked: (
        None if asked.authorization == BASIC else refused(401, WWW_Authenticate='Basic realm="x"')
    )
    assert registry.catalogue(registry.login).offers(registry.repository, 1, ()).found[0].size == 100
    assert [one.authorization for one in store.asked] == [""]


def test_no_login_by_plain_http_to_another_machine(registry: StubRegistry) -> None:
    """A registry cannot make us send it."""
    registry.guard = guarded(registry, "http://elsewhere.test/token")
    assert str(failure(registry)) == f"{registry.host} asks for a login by plain HTTP"


@pytest.mark.parametrize(
    ("answer", "text", "hint"),
    [
        (refused(403), "does not let us read team/web with the login that docker has: HTTP 403 DENIED", "docker login"),
        (refused(401, "UNAUTHORIZED"), "with the login that docker has: HTTP 401 UNAUTHORIZED", "docker login"),
        (refused(404, "NAME_UNKNOWN"), "has no repository team/web: HTTP 404 NAME_UNKNOWN", "by that name"),
        (
            refused(429, "TOOMANYREQUESTS", Retry_After="30"),
            "how often it is asked: HTTP 429 TOOMANYREQUESTS",
            "again in 30 s",
        ),
        (refused(503, "<b>"), "is not well: HTTP 503", "later"),
        (refused(418), "does not answer as a registry does: HTTP 418 DENIED", "address"),
        (said(b"<html>"), "does not answer as a registry does", "address"),
        (said(b"[" * 5000), "does not answer as a registry does", "address"),
        (said(b"x" * (4 * 1024 * 1024 + 1)), "does not answer as a registry does", "address"),
        (
            said(status=302, Location="ftp://elsewhere.test/x"),
            "does not answer as a registry does: HTTP 302",
            "address",
        ),
    ],
)
def test_what_it_refuses(registry: StubRegistry, answer: Said, text: str, hint: str) -> None:
    """One line, with what to do, and without what it says itself: that may be ours."""
    registry.guard = lambda asked: answer
    told = failure(registry)
    assert str(told).endswith(text)
    assert str(told).startswith(registry.host)
    assert hint in told.hint


def test_without_a_login(registry: StubRegistry) -> None:
    """It is told that there was none."""
    registry.guard = lambda asked: refused(401, "UNAUTHORIZED")
    assert "does not let us read team/web without a login" in str(failure(registry, auths={}))


def test_a_port_at_which_nobody_listens(registry: StubRegistry) -> None:
    """It cannot be reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        registry.host = f"127.0.0.1:{server.getsockname()[1]}"
    assert str(failure(registry)) == f"{registry.host} cannot be reached: Connection refused"


def test_one_that_drips(registry: StubRegistry) -> None:
    """The limit is for the whole answer, not for each byte of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = Place.of(f"127.0.0.1:{server.getsockname()[1]}/web")
        begin = time.monotonic()
        with pytest.raises(RegistryFailed, match=f"^{place.host} did not answer within 0.2s$"):
            Exchange(place, timeout=0.2).get(f"{place.base}/v2/")
        assert time.monotonic() - begin < 2


def test_one_that_answers_slowly(registry: StubRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """All questions together have an end too: what was not asked by then is told so."""
    monkeypatch.setattr(catalogue, "TIME", 0.0)
    assert str(failure(registry)) == f"{registry.host} answers slowly: the time for all questions is over"


@pytest.mark.parametrize("tags", [None, 5, "one", {"one": 1}])
def test_tags_that_are_none(registry: StubRegistry, tags: object) -> None:
    """A repository without any says null; whatever else there is, is none."""
    registry.answers["/v2/team/web/tags/list?n=1000"] = said({"tags": tags})
    assert registry.catalogue().offers(registry.repository, 9, ()).found == []


@pytest.mark.parametrize("created", [None, "0001-01-01T00:00:00Z", "yesterday", 5])
def test_an_age_that_is_not_known(registry: StubRegistry, created: Any) -> None:
    """It is none: some builds leave it out, to be the same each time."""
    registry.has("one", created)
    assert registry.catalogue().offer(ImageRef(registry.repository, "one")).created is None


def test_one_without_tls() -> None:
    """Any but those of this machine are asked by https alone, and what is wrong with that is told."""
    assert Place.of("ghcr.io/team/web").base == "https://ghcr.io"
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    exchange = Exchange(Place.of("ghcr.io/team/web"))

    def fails(request: object) -> None:
        raise error

    object.__setattr__(exchange, "_exchange", fails)
    with pytest.raises(RegistryFailed, match=r"^the certificate of ghcr\.io is not trusted: self-signed") as told:
        exchange.get("https://ghcr.io/v2/")
    assert "/etc/docker/certs.d/ghcr.io/ca.crt" in told.value.hint


@pytest.mark.parametrize(
    ("repository", "host", "path", "base"),
    [
        ("ghcr.io/team/web", "ghcr.io", "team/web", "https://ghcr.io"),
        ("nginx", "docker.io", "library/nginx", "https://registry-1.docker.io"),
        ("team/web", "docker.io", "team/web", "https://registry-1.docker.io"),
        ("index.docker.io/team/web", "docker.io", "team/web", "https://registry-1.docker.io"),
        ("localhost/web", "localhost", "web", "http://localhost"),
        ("localhost:5000/web", "localhost:5000", "web", "http://localhost:5000"),
        ("127.0.0.1.example:80/web", "127.0.0.1.example:80", "web", "https://127.0.0.1.example:80"),
        ("localhost.example:5000/web", "localhost.example:5000", "web", "https://localhost.example:5000"),
    ],
)
def test_where_a_repository_is(repository: str, host: str, path: str, base: str) -> None:
    """As docker reads names; only a registry of this machine is spoken to plainly."""
    place = Place.of(repository)
    assert (place.host, place.path, place.base) == (host, path, base)
