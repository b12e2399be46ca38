"""What the node that is asked knows of the tasks that it runs, and the swarm does not tell: their containers."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from deploykit.backends.engine.client import Engine
from deploykit.backends.engine.containers import instance_of
from deploykit.backends.engine.images import Images
from deploykit.backends.swarm.tasks import Slot, Task, alike
from deploykit.errors import ConfigError
from deploykit.release import ImageRef, Instance

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


def completed(one: Instance, places: Iterable[Slot], engine: Engine) -> Instance:
    """Return an instance that has died with what only its node knows, where that is the one that is asked."""
    if one.exit_code in {None, 0} or one.status == "running":
        return one
    rows = (place.row() for place in places if place.name == one.name)
    dead = [task.container for row in rows for task in row if task.state == "failed"][-1:]
    for container in map(instance_of, engine.inspect(dead)):
        return replace(
            one,
            oom_killed=container.oom_killed,
            started_at=container.started_at,
            finished_at=container.finished_at,
        )
    return replace(one, error=one.error or _KILLED) if one.exit_code == _SIGKILL else one


def ended(tasks: Sequence[Task], engine: Engine) -> list[str]:
    """Return the containers here that are left of tasks that have ended."""
    found = engine.inspect([one.container for one in tasks if one.container and not one.alive])
    return [one.id for one in found if not instance_of(one).alive]
