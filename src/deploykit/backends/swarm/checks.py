"""The swarm's own lines of the checklist, and what the probes cannot ask."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from deploykit.backends.engine import checks
from deploykit.backends.engine.client import Engine
from deploykit.backends.swarm.cluster import Cluster
from deploykit.backends.swarm.service import Service
from deploykit.backends.swarm.tasks import Nodes
from deploykit.errors import ConfigError
from deploykit.protocols import Finding, Offer, Standing
from deploykit.release import ImageRef

_REMEMBERED = 2
_BATCHES = 50
"""Batches of a release that are taken for meant: each is started, and looked at, after the other."""


def findings(
    cluster: Cluster, found: Sequence[Service], names: Mapping[str, str], budget: float, parallelism: int | None
) -> Iterator[Finding]:
    """Look at the nodes, and at how the services are updated; `parallelism` is the config's own."""
    yield from checks.engine_version(cluster.engine)
    yield _nodes(cluster.nodes())
    yield from _history(cluster.history())
    known = {one.name for one in found}
    for name, full in names.items():
        if name not in known:
            yield Finding("service", Standing.warning, f"{full} is not there yet", "The first deploy makes a stack's.")
    for service in found:
        yield from _service(service, budget, parallelism)


def of_image(engine: Engine, image: ImageRef, budget: float, ask: Callable[[ImageRef], Offer]) -> Iterator[Finding]:
    """Look for the image in its registry."""
    yield from checks.image_in_registry(engine, image, ask)
    yield from checks.patience(engine, image, budget)


def _nodes(nodes: Nodes) -> Finding:
    down = [one.name for one in nodes.values() if one.down]
    if down:
        text = f"of {len(nodes)} nodes {', '.join(down)} is down"
        return Finding("swarm", Standing.warning, text, "`docker node ls` shows them; `docker node rm` forgets one.")
    return Finding("swarm", Standing.ok, f"all {len(nodes)} nodes are up" if len(nodes) > 1 else "its one node is up")


def _history(remembered: int) -> Iterator[Finding]:
    """Tell when the swarm forgets a task that has crashed before it may have been seen."""
    if remembered < _REMEMBERED:
        text = f"the swarm remembers {remembered} ended tasks of each place: a crash could be overlooked"
        yield Finding("swarm", Standing.warning, text, "docker swarm update --task-history-limit 5")


def _service(service: Service, budget: float, parallelism: int | None) -> Iterator[Finding]:
    if service.held:
        text = (
            f"{service.full_name} waits after each batch, as in a deployment: one is on or was cut short, or"
            " `docker service rollback` went back into one"
        )
        yield Finding("update", Standing.warning, text, "`deploykit recover`, or the next `run`, lets go of it.")
    monitor = float(service.update.get("Monitor") or 5e9) / 1e9
    if monitor < budget:
        text = (
            f"{service.full_name}: the swarm itself looks at a new task for {monitor:g}s (monitor), the probes for"
            f" {budget:g}s: what fails later it calls a success; deploykit goes by the probes"
        )
        yield Finding("update", Standing.warning, text, f"docker service update --update-monitor {budget:g}s")
    if service.update.get("FailureAction") == "rollback":
        text = f"{service.full_name}: the swarm goes back by itself, to what it had before, good or bad"
        yield Finding("update", Standing.warning, text, "docker service update --update-failure-action pause")
    if service.update.get("Order") == "start-first" and service.host_ports:
        text = f"{service.full_name}: no task can be started beside another that has the port of its node"
        yield Finding("update", Standing.warning, text, 'Write [backend] order = "stop-first", or use a free node.')
    yield from _batches(service, parallelism, budget)
    if service.replicas == 1 and service.update.get("Order") != "start-first":
        text = f"{service.full_name}: its one task is stopped before the next is started: nobody is served meanwhile"
        yield Finding("update", Standing.warning, text, 'Write [backend] order = "start-first", or have two.')


def _batches(service: Service, parallelism: int | None, budget: float) -> Iterator[Finding]:
    """Tell when a release goes out in more batches than anybody waits for: the budget is that of each."""
    size = int(service.update.get("Parallelism") or 0) if parallelism is None else parallelism
    number = -(-(service.replicas or 0) // size) if size else 1
    if number > _BATCHES:
        text = (
            f"{service.full_name}: {service.replicas} tasks, {size} at a time, are {number} batches, one after the"
            f" other; each has {budget:g}s to turn healthy, all of them {number * budget / 60:,.0f} minutes"
        )
        hint = f"Write [backend] parallelism = {-(-(service.replicas or 0) // 10)}: ten batches."
        yield Finding("update", Standing.warning, text, hint)


def refuse_addresses(services: Iterable[str]) -> None:
    """Raise ConfigError for services whose tasks are to be asked by address, and have none that leads to them."""
    for service in sorted(services):
        msg = f"health.probe: a task of {service} has no address outside of the swarm's own networks"
        hint = "Publish its port with mode=host, or use a URL, or a probe of type container."
        raise ConfigError(msg, hint=hint)


def refuse_commands(nodes: Nodes) -> None:
    """Raise ConfigError where tasks run on other nodes, in which no command can be run from here."""
    if len(nodes) > 1:
        msg = f"health.probe of type 'command': it can be run in tasks of one node alone, and there are {len(nodes)}"
        raise ConfigError(msg, hint="Use a URL, or a probe of type container.")
