"""What is wrong with a config whose values are each right: not built yet, or not fitting together."""

from collections.abc import Iterator

from deploykit.config.explain import NOT_BUILT, Problem
from deploykit.config.model import ComposeTable
from deploykit.config.probes import HttpTable, ProbeTable, TcpTable
from deploykit.config.remote import engine_host, is_local, is_loopback
from deploykit.config.settings import Config


def consistency(config: Config) -> list[Problem]:
    """Return what does not fit."""
    return [*_not_built(config), *_services(config), *_remote(config)]


def _not_built(config: Config) -> Iterator[Problem]:
    backend, health = config.backend, config.health
    told = {
        ("backend", "strategy"): backend.strategy != "recreate",
        ("backend", "rehearse"): backend.rehearse,
        ("backend", "release_command"): backend.release_command != (),
        ("health", "bake"): health.bake != 0,
    }
    for key, later in told.items():
        if later:
            yield Problem(key, f"other than its default, it {NOT_BUILT}", "Take it out.")


def _services(config: Config) -> Iterator[Problem]:
    services = config.backend.services
    for index, probe in enumerate(config.probes):
        if probe.service is not None and probe.service not in services:
            text = f"{probe.service!r} is not one of backend.services"
            yield Problem(("health", "probe", index, "service"), text, f"There is {', '.join(services)}.")


def _remote(config: Config) -> Iterator[Problem]:
    backend = config.backend
    if not isinstance(backend, ComposeTable):
        return
    host = engine_host(backend.host, backend.context, config.environment)
    if host is None or is_local(host):
        return
    for index, probe in enumerate(config.probes):
        if key := _means_nothing_from_here(probe):
            text = f"means nothing from here: the engine is remote ({host})"
            hint = "Use a public URL, or a probe of type container or command."
            yield Problem(("health", "probe", index, key), text, hint)
    if config.state.store is None:
        text = f"must be said: the engine is remote ({host}), and what is remembered of it would be here alone"
        yield Problem(("state", "store"), text, 'Write [state] store = "local" if only this machine deploys to it.')


def _means_nothing_from_here(probe: ProbeTable) -> str | None:
    """Return the key that names a place on this machine, or an instance's own address."""
    match probe:
        case HttpTable(url=None) | TcpTable(host=None):
            return "port"
        case HttpTable(url=str(url)) if "{" in url or is_loopback(url):
            return "url"
        case TcpTable(host=str(host)) if is_loopback(f"//{host}"):
            return "host"
        case _:
            return None
