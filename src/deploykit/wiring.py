"""From a config file to an App: the only place where the core and the adapters meet."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

from deploykit import seam
from deploykit.app import App, who
from deploykit.clock import SystemClock
from deploykit.config import Config, public, read_config
from deploykit.config.checks import asks_each
from deploykit.config.document import Key, dotted
from deploykit.config.model import (
    ComposeTable,
    DockerTable,
    EngineTable,
    ObserverTable,
    PluggedTable,
    ProcessTable,
    SwarmTable,
)
from deploykit.config.probes import (
    CommandTable,
    ContainerTable,
    HttpTable,
    PluggedProbeTable,
    ProbeTable,
    TcpTable,
)
from deploykit.config.values import Table
from deploykit.errors import ConfigError
from deploykit.health import HealthPolicy
from deploykit.hooks import Hook, Hooks, NoHooks
from deploykit.plugins import Setting, loading
from deploykit.protocols import Backend, Check, Clock, Observer, Probe, PullPolicy, Shelved, StateStore
from deploykit.store import StateFolder

if TYPE_CHECKING:
    from deploykit.backends.docker import ContainerSettings
    from deploykit.backends.engine.settings import Rollout


@dataclass(frozen=True, slots=True)
class Adapters:
    """What of an app touches the world. `wire` makes them; tests put others in their place."""

    backend: Backend
    probes: tuple[Probe, ...]
    state: StateStore
    clock: Clock
    hooks: Hooks = NoHooks()  # noqa: RUF009 - has no state
    observers: tuple[Observer, ...] = ()
    checks: tuple[Check, ...] = ()


def load(path: str | os.PathLike[str] = "deploykit.toml", target: str | None = None) -> App:
    """Make the app that a config file describes. Reads the file, and touches no engine.

    Raises:
        ConfigError: the file is not there, or something in it is wrong; names file and key. Or it has no such target;
            or it has targets, and none was named.
    """
    config = read_config(*_source(Path(path), target), target)
    return assemble(config, wire(config))


def _source(path: Path, target: str | None) -> tuple[Path, Mapping[str, str]]:
    """Return the file to read, and the variables to fill in."""
    stage = seam.current()
    return stage.config(path, target, os.environ) if stage else (path, os.environ)


def assemble(config: Config, adapters: Adapters) -> App:
    """Make an app of its config and its adapters."""
    return App(
        config.app.name,
        config.app.image,
        adapters.backend,
        adapters.probes,
        _policy(config),
        state=adapters.state,
        clock=adapters.clock,
        hooks=adapters.hooks,
        checks=adapters.checks,
        observers=adapters.observers,
        tag=config.tag if config.app.tag is not None else None,
        auto=config.rollback.auto,
        pull=PullPolicy(config.backend.pull),
        keep=config.state.keep,
        rehearse=config.backend.rehearse,
        config=public(config),
        target=config.target,
    )


def wire(config: Config) -> Adapters:
    """Make the real adapters of a config."""
    clock = SystemClock()
    tag_file = config.path(config.rollback.previous_tag_file)
    folder = StateFolder(config.path(config.state.dir), tag_file, clock, config.state.group)
    backend = _backend(config, folder)
    state = _state(config, folder, backend, clock)
    probes = [_probe(config, index, backend) for index in range(len(config.probes))]
    return Adapters(backend, tuple(probes), state, clock, _hooks(config), _observers(config, clock), _checks(config))


def _state(config: Config, folder: StateFolder, backend: Backend, clock: Clock) -> StateStore:
    if config.state.store != "engine":
        return folder
    from deploykit.shared import SharedState, shelf_name

    if not isinstance(backend, Shelved):
        with _named(config, ("state",)):
            raise ConfigError(f"store: a backend of type {config.backend.type!r} keeps nothing", hint="Take it out.")
    shelf = backend.shelf(shelf_name(config.app.name, config.target))
    return SharedState(folder, shelf, clock, config.state.lease)


def _hooks(config: Config) -> Hooks:
    commands = {hook: argv for hook in Hook if (argv := getattr(config.hooks, hook.value))}
    if not commands:
        return NoHooks()
    from deploykit.hook_commands import HookCommands

    environment = {**_environment(config), "DEPLOYKIT_CONFIG": str(config.document.path.absolute())}
    return HookCommands(commands=commands, folder=config.folder, environment=environment, timeout=config.hooks.timeout)


def _environment(config: Config) -> dict[str, str]:
    """Return what every command of the user's is told."""
    return {**config.environment, "DEPLOYKIT_APP": config.app.name, "DEPLOYKIT_TARGET": config.target or ""}


def _checks(config: Config) -> tuple[Check, ...]:
    if not config.check.commands:
        return ()
    from deploykit.check_commands import CheckCommand

    environment, timeout = _environment(config), config.check.timeout
    return tuple(CheckCommand(argv, config.folder, environment, timeout) for argv in config.check.commands)


def _observers(config: Config, clock: Clock) -> tuple[Observer, ...]:
    plugged = (_observer(config, index, table) for index, table in enumerate(config.observers))
    return (*_notices(config, clock), *plugged)


def _notices(config: Config, clock: Clock) -> tuple[Observer, ...]:
    table = config.notify
    if table.url is None:
        return ()
    from deploykit.observers.webhook import Webhook

    webhook = Webhook(
        url=table.url,
        app=config.app.name,
        target=config.target,
        by=who(),
        clock=clock,
        headers=table.headers,
        events=table.events,
        timeout=table.timeout,
    )
    return (webhook,)


def _policy(config: Config) -> HealthPolicy:
    return HealthPolicy(**config.health.model_dump())


def _backend(config: Config, state: StateFolder) -> Backend:
    table = config.backend
    match table:
        case ComposeTable():
            return _compose(config, table, state)
        case DockerTable():
            return _docker(config, table, state)
        case ProcessTable():
            return _process(config, table, state)
        case SwarmTable():
            return _swarm(config, table, state)
        case PluggedTable():
            with _named(config, ("backend",)):
                return loading.make_backend(table.type, _setting(config, ("backend",), table, table.services))
        case never:
            assert_never(never)


# The backends are imported late: each brings a library that the others, and the looking verbs, can do without.


def _compose(config: Config, table: ComposeTable, state: StateFolder) -> Backend:
    from deploykit.backends.compose import ComposeBackend

    return ComposeBackend(
        name=config.app.name,
        files=[config.path(file) for file in table.compose_files],
        services=table.services,
        state=state.path,
        image_env=table.image_env,
        tag_env=table.tag_env,
        project=table.project,
        pull_timeout=table.pull_timeout,
        host=table.host,
        context=table.context,
        rollout=_rollout(table, frozenset(table.recreate_services)),
        judged_by_healthcheck=_judged_by_healthcheck(config),
    )


def _docker(config: Config, table: DockerTable, state: StateFolder) -> Backend:
    from deploykit.backends.docker import DockerBackend

    return DockerBackend(
        name=config.app.name,
        services=table.services,
        state=state.path,
        settings=_container(config, table),
        adopt=table.adopt,
        pull_timeout=table.pull_timeout,
        host=table.host,
        context=table.context,
        rollout=_rollout(table),
        judged_by_healthcheck=_judged_by_healthcheck(config),
    )


def _container(config: Config, table: DockerTable) -> "ContainerSettings":
    from deploykit.backends.docker import ContainerSettings, Healthcheck

    check, logging = table.healthcheck, table.logging
    of_app = (config.app.name,)
    networks = {
        name: of_app if network.aliases is None else (*of_app, *network.aliases) if network.aliases else ()
        for name, network in table.networks.items()
    }
    return ContainerSettings(
        replicas=table.replicas,
        ports=table.ports,
        environment=table.environment,
        env_file=tuple(str(config.path(file)) for file in table.env_file),
        volumes=tuple(_mounted(config, volume) for volume in table.volumes),
        networks=networks,
        command=table.command,
        entrypoint=table.entrypoint,
        user=table.user,
        labels=table.labels,
        restart=table.restart,
        healthcheck=Healthcheck(
            check.command, check.off, check.interval, check.timeout, check.start_period, check.retries
        )
        if check
        else None,
        mem_limit=table.mem_limit,
        cpus=table.cpus,
        stop_grace_period=table.stop_grace_period,
        extra_hosts=table.extra_hosts,
        logging_driver=logging.driver if logging else None,
        logging_options=logging.options if logging else {},
    )


def _mounted(config: Config, volume: str) -> str:
    """Return a volume with its path absolute; one that is no path is the name of a volume."""
    source, colon, rest = volume.partition(":")
    if not colon or not source.startswith((".", "~")):
        return volume
    return f"{config.path(str(Path(source).expanduser())).resolve()}:{rest}"


def _rollout(table: EngineTable, recreate_services: frozenset[str] = frozenset()) -> "Rollout":
    from deploykit.backends.engine.settings import Rollout

    return Rollout(
        strategy=table.strategy,
        parallelism=table.parallelism,
        drain=table.drain,
        pre_stop=table.pre_stop,
        recreate_services=recreate_services,
        release_command=table.release_command,
        release_timeout=table.release_timeout,
    )


def _judged_by_healthcheck(config: Config) -> frozenset[str]:
    return _looked_at(config, lambda probe: isinstance(probe, ContainerTable))


def _looked_at(config: Config, kind: Callable[[ProbeTable], bool]) -> frozenset[str]:
    """Return the services that probes of some kind look at."""
    chosen = (probe.service for probe in config.probes if kind(probe))
    return frozenset(service or config.backend.services[0] for service in chosen)


def _process(config: Config, table: ProcessTable, state: StateFolder) -> Backend:
    from deploykit.backends.process import ProcessBackend

    return ProcessBackend(
        name=config.app.name,
        base=config.folder,
        state=state.path,
        command=table.command,
        directory=table.directory,
        environment=table.environment,
        stop_grace=table.stop_grace,
        service=table.service,
    )


def _swarm(config: Config, table: SwarmTable, state: StateFolder) -> Backend:
    from deploykit.backends.swarm import Demands, Pace, ServiceBackend, StackBackend, StackFile, SwarmSettings

    settings = SwarmSettings(
        name=config.app.name,
        services=table.services,
        state=state.path,
        pull_timeout=table.pull_timeout,
        host=table.host,
        context=table.context,
        pace=Pace(order=table.order, parallelism=table.parallelism, delay=table.delay),
        demands=Demands(
            healthcheck=_judged_by_healthcheck(config),
            address=_looked_at(config, asks_each),
            command=_looked_at(config, lambda probe: isinstance(probe, CommandTable)),
        ),
    )
    if table.stack is None or table.file is None:
        return ServiceBackend(settings)
    file = StackFile(config.path(table.file), table.services, table.image_env, table.tag_env)
    return StackBackend(settings, table.stack, file)


def _probe(config: Config, index: int, backend: Backend) -> Probe:
    from deploykit import probes

    table = config.probes[index]
    service = table.service or config.backend.services[0]
    keys: dict[str, Any] = {**table.model_dump(exclude={"type"}), "service": service}
    with _named(config, ("health", "probe", index)):
        match table:
            case HttpTable():
                keys["ca_file"] = _certificates(config, table.ca_file)
                return probes.HttpProbe(**keys)
            case TcpTable():
                return probes.TcpProbe(**keys)
            case ContainerTable():
                return probes.ContainerProbe(**keys)
            case CommandTable():
                return probes.CommandProbe(**keys, execute=backend.execute)
            case PluggedProbeTable():
                at = ("health", "probe", index)
                return loading.make_probe(table.type, _setting(config, at, table, (service,)))
            case never:
                assert_never(never)


def _observer(config: Config, index: int, table: ObserverTable) -> Observer:
    at = ("observer", index)
    with _named(config, at):
        return loading.make_observer(table.type, _setting(config, at, table, config.backend.services))


def _setting(config: Config, at: Key, table: Table, services: tuple[str, ...]) -> Setting:
    return Setting(
        app=config.app.name,
        keys=table.model_extra or {},
        folder=config.folder,
        state=config.path(config.state.dir),
        services=services,
        strategy=config.backend.strategy,
        document=config.document,
        key=at,
    )


@contextmanager
def _named(config: Config, at: Key) -> Iterator[None]:
    """Put file and table before what an adapter has against its keys."""
    try:
        yield
    except ConfigError as error:
        if str(error).startswith(f"{config.document.name}: "):
            raise
        msg = config.document.redact(f"{config.document.name}: {dotted(config.document.written(at))}.{error}")
        raise ConfigError(msg, hint=config.document.redact(error.hint)) from error


def _certificates(config: Config, path: str | None) -> str | None:
    """Return where they are; a test on a fake needs none."""
    return None if path is None or seam.current() else str(config.path(path))
