"""A first config, drawn from a compose file: what can be found out there, and what has to be asked."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from deploykit.errors import ConfigError

Model = Mapping[str, Any]
"""What `docker compose config --no-interpolate --format json` tells."""

Ask = Callable[[str, str, str], str]
"""Asks for what cannot be found out: the option that says it, the question, and a default, which may be empty."""

_IMAGE = re.compile(r"(?P<repository>(?:\$\{[^}]*\}|\$\w+|[^:@$]|:(?=\d+/))+)(?::(?P<tag>[^/]+))?")
_VARIABLE = re.compile(r"\$\{(?P<braced>\w+)(?::?-(?P<default>[^}]*)|:?[?+][^}]*)?\}|\$(?P<plain>\w+)")
_URL = re.compile(r"https?://[^\s'\"|;]+")
_HERE = {"localhost", "127.0.0.1", "0.0.0.0", "::1"}  # noqa: S104 - compared with, not bound to
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a config says. `probe` is a table `[[health.probe]]`; `fixed_port` that the main service publishes one."""

    name: str
    file: str
    services: Sequence[str]
    image: str
    image_env: str | None
    tag_env: str | None
    probe: Mapping[str, object] | None
    fixed_port: bool


def draft(model: Model, file: str, ask: Ask, service: str | None = None) -> Draft:
    """Draw a config from a compose file, for a service of it. What can be found out is not asked for.

    Raises:
        ConfigError: the file has no service with an image that could be deployed, or none of that name.
    """
    services: Mapping[str, Model] = model.get("services", {})
    image, group = _deployed(services, ask, service)
    first, others = _main_first(services, group)
    repository, tag = _parts(image)
    main = services[first]
    return Draft(
        name=_named(model),
        file=file,
        services=[first, *others],
        image=_repository(repository, ask),
        image_env=_variable(repository),
        tag_env=_variable(tag) if tag else None,
        probe=_of_service(_probe(main, ask), first if others else None),
        fixed_port=any(published for _, published in _ports(main)),
    )


def _deployed(services: Mapping[str, Model], ask: Ask, service: str | None) -> tuple[str, list[str]]:
    """Return the image that is deployed, and the services that run it: that of the named one, else of a variable."""
    images = {name: str(one["image"]) for name, one in services.items() if one.get("image")}
    if not images:
        raise ConfigError(
            "no service of the compose file has an image", hint='Give the service image = "REPOSITORY:${TAG}".'
        )
    variable = {name: image for name, image in images.items() if "$" in image}
    offered = variable if variable and service is None else images
    if len({*offered.values()}) > 1 and service is None:
        service = ask("--service", f"Which service is deployed? {', '.join(offered)}", "")
    named = next(iter(offered)) if service is None else service
    if named not in offered:
        raise ConfigError(f"there is no such service: {named!r}", hint=f"It has: {', '.join(offered)}.")
    return images[named], [name for name, image in images.items() if image == images[named]]


def _main_first(services: Mapping[str, Model], group: Sequence[str]) -> tuple[str, list[str]]:
    main = max(group, key=lambda name: (bool(services[name].get("ports")), bool(services[name].get("healthcheck"))))
    return main, [name for name in group if name != main]


def _parts(image: str) -> tuple[str, str | None]:
    found = _IMAGE.fullmatch(image.partition("@")[0])
    return (found["repository"], found["tag"]) if found else (image, None)


def _variable(text: str) -> str | None:
    found = _VARIABLE.fullmatch(text)
    return (found["braced"] or found["plain"]) if found else None


def _repository(text: str, ask: Ask) -> str:
    """Return the repository as the config has it; what a variable without a default stands for must be asked for."""
    found = _VARIABLE.fullmatch(text)
    known = "$" not in text or (found and found["default"] and "$" not in found["default"])
    return text if known else ask("--image", "Which image, without a tag?", "")


def _named(model: Model) -> str:
    name = str(model.get("name", ""))
    return name if _NAME.fullmatch(name) else "app"


def _probe(main: Model, ask: Ask) -> dict[str, object] | None:
    """Return a probe of the instance's own port: the path is that of the service's healthcheck, or is asked for."""
    ports = [target for target, _ in _ports(main)]
    test = (main.get("healthcheck") or {}).get("test") or ()
    words = test if isinstance(test, str) else " ".join(map(str, test))
    for url in map(urlsplit, _URL.findall(words)):
        if url.hostname in _HERE and url.scheme == "http":
            return {"type": "http", "port": url.port or 80, "path": url.path or "/"}
    if ports:
        path = ask("--path", f"At which path does port {ports[0]} tell its health?", "/")
        return {"type": "http", "port": ports[0], "path": path}
    return {"type": "container"} if words else None


def _of_service(probe: dict[str, object] | None, service: str | None) -> dict[str, object] | None:
    """Where several services run the image, only one of them answers."""
    return {**probe, "service": service} if probe and service else probe


def _ports(service: Model) -> Iterator[tuple[int, bool]]:
    """Yield the ports of a service, each with whether it is published at a port of the machine's that is fixed."""
    for one in service.get("ports", ()):
        if isinstance(one, Mapping):
            target, published = str(one.get("target", "")), str(one.get("published", ""))
        else:
            *before, target = str(one).partition("/")[0].rsplit(":", 2)
            published = before[-1] if before else ""
        if target.isdecimal():
            yield int(target), bool(published)


def toml(made: Draft) -> str:
    """Return a config file, with a word on what somebody may want to change."""
    return "\n".join([*_app(made), "", *_backend(made), "", *_health(made), ""])


def _app(made: Draft) -> Iterator[str]:
    yield "[app]"
    yield f"name  = {_text(made.name)}"
    yield f"image = {json.dumps(made.image)}"
    if made.tag_env:
        yield f'tag   = "${{{made.tag_env}:?pass --tag}}"      # when `run` has no --tag'


def _backend(made: Draft) -> Iterator[str]:
    yield "[backend]"
    yield 'type      = "compose"'
    yield f"file      = {_text(made.file)}"
    yield f"services  = {json.dumps(list(made.services))}      # run the image; the first is the main one"
    for key, value in (("image_env", made.image_env), ("tag_env", made.tag_env)):
        if value:
            yield f"{key:<9} = {_text(value)}"
    yield "# rehearse = true: before anything is replaced, one instance of the new release must prove itself beside"
    yield "# what serves. A release that cannot start then costs no outage; it needs memory for one instance more."
    yield "rehearse  = false"
    if not made.fixed_port:
        yield '# strategy = "rolling": new instances turn healthy beside the old ones first. It needs a proxy that'
        yield "# checks health before the first use: docs/how-to/rolling.md."


def _health(made: Draft) -> Iterator[str]:
    yield "[health]"
    yield "attempts  = 30"
    yield "interval  = 2.0                     # 30 x 2 s: how long a release may take to turn healthy"
    if made.probe is None:
        yield "# No probe was found: staying alive is enough. A look at the app is worth more:"
        yield '# [[health.probe]]\n# type = "http"\n# port = 8000\n# path = "/health"'
        return
    yield "\n[[health.probe]]"
    for key, value in made.probe.items():
        yield f"{key:<7} = {_text(value) if isinstance(value, str) else value}"
    if made.probe["type"] == "http":
        yield '# headers = { Host = "app.example" }   # for an app that checks it, as Django does (ALLOWED_HOSTS)'
        yield '# require = { "ok" = true }            # what the JSON of the answer must say'


def _text(text: str) -> str:
    return json.dumps(text.replace("$", "$$"), ensure_ascii=False)
