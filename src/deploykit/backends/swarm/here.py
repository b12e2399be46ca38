"""What the node that is asked knows of the tasks that it runs, and the swarm does not tell: their containers."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from deploykit.backends.engine.client import Engine
from deploykit.backends.engine.containers import instance_of
from deploykit.backends.engine.images import Images
from deploykit.backends.swarm.tasks import Slot, Task, alike
from deploykit.backends.swarm.walk import Sight
from deploykit.errors import ConfigError
from deploykit.release import ImageRef, Instance

_OF_SERVICE = "com.docker.swarm.service.name"
_SIGKILL = 137
_KILLED = "killed, it may be for its memory: only its node knows"


def image_of(task: Task, living: Iterable[Task], engine: Engine, images: Images) -> ImageRef:
    """Return what a task runs; where the swarm was told no digest, by a container of its like, or else by its name.

    Raises:
        ConfigError: nothing here tells what it is.
    """
    image = ImageRef.parse(task.image)
    if image.digest is None:
        running = engine.inspect([one.container for one in living if one.container and alike(one, task)])
        image = replace(image, id=running[0].image) if running else image
    found = images.find(image)
    if found is None and image.digest is None:
        msg = f"the swarm was told no digest of {image.name}, which runs, and it is not here: it could not come back"
        hint = "`docker pull` it here, if it still is what runs; or `docker service update --image` with a digest."
        raise ConfigError(msg, hint=hint)
    return found or image


def completed(found: Sequence[Instance], sight: Sight, engine: Engine) -> Sequence[Instance]:
    """Return instances, those that have died with what only their node knows, where that is the one that is asked.

    Which are here is asked first, however many have died: of a thousand most are elsewhere.
    """
    dead = {one.name for one in found if _died(one)}
    if not dead:
        return found
    here = set(engine.ids({_OF_SERVICE: sight.service.full_name}))
    last = {place.name: _ended_in(place) for place in sight.places if place.name in dead}
    known = {one.id: instance_of(one) for one in engine.inspect([one for one in last.values() if one in here])}
    return [_with(one, known.get(last[one.name])) if one.name in dead else one for one in found]


def _died(one: Instance) -> bool:
    return one.exit_code not in {None, 0} and one.status != "running"


def _ended_in(place: Slot) -> str:
    """Return the container of the task that has failed last in a place; empty where none has."""
    return next((task.container for task in reversed(place.row()) if task.state == "failed"), "")


def _with(one: Instance, container: Instance | None) -> Instance:
    if container is None:
        return replace(one, error=one.error or _KILLED) if one.exit_code == _SIGKILL else one
    told = {name: getattr(container, name) for name in ("oom_killed", "started_at", "finished_at")}
    return replace(one, **told)


def ended(tasks: Sequence[Task], engine: Engine) -> list[str]:
    """Return the containers here that are left of tasks that have ended."""
    found = engine.inspect([one.container for one in tasks if one.container and not one.alive])
    return [one.id for one in found if not instance_of(one).alive]
