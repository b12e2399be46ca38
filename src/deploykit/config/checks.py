"""What is wrong with a config whose values are each right: they do not fit together."""

from collections.abc import Iterator

from deploykit.config.container import fixed_port, shared_writable
from deploykit.config.explain import Problem
from deploykit.config.model import ComposeTable, DockerTable, PluggedTable, ProcessTable, SwarmTable
from deploykit.config.probes import HttpTable, ProbeTable, TcpTable
from deploykit.config.remote import engine_host, is_local, is_loopback
from deploykit.config.settings import Config


def consistency(config: Config) -> list[Problem]:
    """Return what does not fit."""
    checks = (_process, _swarm, _rolling, _one_port, _services, _remote, _stored)
    return [problem for check in checks for problem in check(config)]


def _process(config: Config) -> Iterator[Problem]:
    backend = config.backend
    if not isinstance(backend, ProcessTable):
        return
    if backend.strategy == "rolling":
        yield Problem(("backend", "strategy"), "a process is replaced in place: its port is one", "Take it out.")
    if backend.rehearse:
        yield Problem(("backend", "rehearse"), "a process has no place of its own beside what serves", "Take it out.")
    if config.state.group is not None:
        text = "a process is its user's: nobody else of a group could end it"
        yield Problem(("state", "group"), text, "Take it out, and deploy as one user.")


def _swarm(config: Config) -> Iterator[Problem]:
    backend = config.backend
    if not isinstance(backend, SwarmTable):
        return
    if "strategy" in backend.model_fields_set:
        text = "a swarm has its own: it replaces a batch of tasks at a time"
        yield Problem(("backend", "strategy"), text, 'Write order = "start-first" or "stop-first" in its place.')
    if backend.rehearse:
        text = "a swarm has no task that serves nobody"
        yield Problem(("backend", "rehearse"), text, "Take it out: the first batch alone is tried before the rest.")


def _rolling(config: Config) -> Iterator[Problem]:
    """Tell what cannot stand twice, and what would ask the old release through the proxy."""
    backend = config.backend
    if backend.strategy != "rolling" or isinstance(backend, ProcessTable | SwarmTable):
        return
    if backend.rehearse:
        text = 'there is none with strategy = "rolling"'
        yield Problem(("backend", "rehearse"), text, "Take it out: the new instances stand up beside the old ones.")
    for index, probe in enumerate(config.probes):
        if key := _fixed_place(probe):
            text = "is one place for all: when rolling, each instance is asked by itself"
            yield Problem(("health", "probe", index, key), text, "Give port, and path, in its place.")
    if isinstance(backend, ComposeTable):
        yield from _recreated(backend)
    if isinstance(backend, DockerTable):
        yield from _cannot_roll(backend)


def _fixed_place(probe: ProbeTable) -> str | None:
    match probe:
        case HttpTable(url=str(url)) if "{host}" not in url:
            return "url"
        case TcpTable(host=str()):
            return "host"
        case _:
            return None


def _recreated(backend: ComposeTable) -> Iterator[Problem]:
    for service in backend.recreate_services:
        if service not in backend.services:
            text = f"{service!r} is not one of backend.services"
            yield Problem(("backend", "recreate_services"), text, f"There is {', '.join(backend.services)}.")
    if set(backend.services) <= set(backend.recreate_services):
        yield Problem(("backend", "recreate_services"), "names all services", 'Use strategy = "recreate".')


def _cannot_roll(backend: DockerTable) -> Iterator[Problem]:
    in_its_place = 'Take it out, or use strategy = "recreate".'
    for index, port in enumerate(backend.ports):
        if fixed_port(port):
            text = f"{port}: two instances cannot have one port of the machine"
            yield Problem(("backend", "ports", index), text, in_its_place)
    for index, volume in enumerate(backend.volumes):
        if shared_writable(volume):
            text = f"{volume}: both releases would write to it at the same time, which is unsafe"
            yield Problem(("backend", "volumes", index), text, 'Mount it read-only, or use strategy = "recreate".')
    if "host" in backend.networks:
        text = "host: two instances cannot listen on one port of the machine"
        yield Problem(("backend", "networks"), text, in_its_place)


def _one_port(config: Config) -> Iterator[Problem]:
    backend = config.backend
    if isinstance(backend, DockerTable) and backend.strategy == "recreate" and backend.replicas > 1:
        for index, port in enumerate(backend.ports):
            if fixed_port(port):
                text = f"{port}: {backend.replicas} replicas cannot have one port of the machine"
                yield Problem(("backend", "ports", index), text, "Give the container's own port alone.")


def _services(config: Config) -> Iterator[Problem]:
    services = config.backend.services
    for index, probe in enumerate(config.probes):
        if probe.service is not None and probe.service not in services:
            text = f"{probe.service!r} is not one of backend.services"
            yield Problem(("health", "probe", index, "service"), text, f"There is {', '.join(services)}.")


def _remote(config: Config) -> Iterator[Problem]:
    backend = config.backend
    if isinstance(backend, ProcessTable | PluggedTable):
        return
    host = engine_host(backend.host, backend.context, config.environment)
    if host is None or is_local(host):
        return
    for index, probe in enumerate(config.probes):
        key = _means_nothing_from_here(probe)
        if key and not (isinstance(backend, SwarmTable) and asks_each(probe)):
            text = f"means nothing from here: the engine is remote ({host})"
            hint = "Use a public URL, or a probe of type container or command."
            yield Problem(("health", "probe", index, key), text, hint)
    if config.state.store is None:
        text = f"must be said: the engine is remote ({host}), and what is remembered of it would be here alone"
        hint = 'Write [state] store = "engine" to remember it there, for all; or "local", if only this machine deploys.'
        yield Problem(("state", "store"), text, hint)


def _stored(config: Config) -> Iterator[Problem]:
    state = config.state
    if state.store == "engine" and isinstance(config.backend, ProcessTable):
        text = "processes of this machine have no engine that could remember"
        yield Problem(("state", "store"), text, "Take it out.")
    if state.store != "engine" and "lease" in state.model_fields_set:
        text = "is how long an engine keeps the lock of a machine that it does not hear"
        yield Problem(("state", "lease"), text, 'It goes with store = "engine": take it out, or write that.')


def asks_each(probe: ProbeTable) -> bool:
    """Whether a probe asks every instance by its own address."""
    match probe:
        case HttpTable(url=str(url)):
            return "{" in url
        case HttpTable() | TcpTable(host=None):
            return True
        case _:
            return False


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
