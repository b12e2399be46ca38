"""A service of the swarm: what is said of it, and the words that change it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from deploykit.backends.engine import labels
from deploykit.release import Release

HELD = "org.deploykit.held"
"""The label that says how the service was updated before a deployment began, while that is otherwise."""
STEP = "org.deploykit.step"
"""The label that is changed to have the engine go on: only services have it, so no task is started anew for it."""
HOLD = 30 * 24 * 3600 * 10**9
"""Nanoseconds between two batches while a deployment is on: longer than any, so that it is deploykit that goes on."""
MARKS = (labels.RELEASE, labels.FINGERPRINT, labels.IMAGE)
_PAUSE = "pause"
_DURATION = re.compile(r"([0-9.]+)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How the engine replaces tasks, as the config says it; None where the service itself says it.

    `delay` are the seconds between two batches.
    """

    order: Literal["start-first", "stop-first"] | None = None
    parallelism: int | None = None
    delay: float | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A service, as the engine tells of it; `name` is what the config calls it."""

    name: str
    said: Mapping[str, Any] = field(repr=False)

    @property
    def id(self) -> str:
        return str(self.said["ID"])

    @property
    def full_name(self) -> str:
        return str(self._spec["Name"])

    @property
    def labels(self) -> Mapping[str, str]:
        return self._spec.get("Labels") or {}

    @property
    def image(self) -> str:
        return str(self.container.get("Image") or "")

    @property
    def container(self) -> Mapping[str, Any]:
        """What its tasks' containers are made with."""
        return (self._spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}

    @property
    def replicas(self) -> int | None:
        """How many tasks it is to have; None for one on every node."""
        mode = self._spec.get("Mode") or {}
        return int(mode["Replicated"].get("Replicas") or 0) if mode.get("Replicated") is not None else None

    @property
    def is_job(self) -> bool:
        mode = self._spec.get("Mode") or {}
        return "ReplicatedJob" in mode or "GlobalJob" in mode

    @property
    def update(self) -> Mapping[str, Any]:
        """How it is updated, by the service itself."""
        return self._spec.get("UpdateConfig") or {}

    @property
    def host_ports(self) -> tuple[int, ...]:
        """The ports that each task has on its own node."""
        ports = (self._spec.get("EndpointSpec") or {}).get("Ports") or ()
        return tuple(int(one.get("PublishedPort") or 0) for one in ports if one.get("PublishMode") == "host")

    @property
    def message(self) -> str:
        """What the engine says of the update."""
        return str((self.said.get("UpdateStatus") or {}).get("Message") or "")

    @property
    def _spec(self) -> Mapping[str, Any]:
        spec: Mapping[str, Any] = self.said.get("Spec") or {}
        return spec

    def specifies(self, release: Release) -> bool:
        """Whether its tasks are to be those of the release."""
        return marks_of(self.container) == marks(release) and self.image == release.image.pinned

    @property
    def held(self) -> bool:
        return HELD in self.labels

    @property
    def usual(self) -> "Usual":
        """How it is updated when no deployment is on."""
        if self.held:
            return Usual(**json.loads(self.labels[HELD]))
        delay = int(self.update.get("Delay") or 0)
        # That of a deployment, of which somebody has taken the label away, is nobody's.
        return Usual(f"{delay if delay < HOLD else 0}ns", self.update.get("FailureAction") or _PAUSE)

    @property
    def healthcheck(self) -> bool | None:
        """Whether it has a healthcheck; None where the image decides."""
        test = (self.container.get("Healthcheck") or {}).get("Test")
        return test[0] != "NONE" if test else None


@dataclass(frozen=True, slots=True)
class Usual:
    """How a service is updated when no deployment is on: what is changed meanwhile. `delay` is as Docker writes it."""

    delay: str = "0s"
    failure_action: str = _PAUSE

    @property
    def seconds(self) -> float:
        return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(self.delay))

    def label(self) -> dict[str, str]:
        return {HELD: json.dumps(asdict(self))}


Marks = Mapping[str, str]


def marks(release: Release) -> Marks:
    """Return the labels of the tasks of a release: its id, its fingerprint, and its image; an adopted one has none.

    They change only where image or files do, so no task is started anew for them, and going back to a release leaves
    alone what still runs of it.
    """
    if release.adopted:
        return {}
    named = (release.id, release.fingerprint, release.image.pinned)
    return dict(zip(MARKS, named, strict=True))


def marks_of(container: Mapping[str, Any]) -> Marks:
    """Return those labels of a task, or of what a service's tasks are to be; none where its image is another by now.

    Whoever gives a service another image by hand leaves the labels as they are.
    """
    written = container.get("Labels") or {}
    ours = {name: str(written[name]) for name in MARKS if name in written}
    return ours if ours.get(labels.IMAGE) == container.get("Image") else {}


def service_labels(release: Release, app: str, deployment: str) -> dict[str, str]:
    """Return what is written on the service: enough to tell what serves when the journal is lost."""
    return {**labels.labels_for(release, app), labels.DEPLOYMENT: deployment}


def update_args(service: Service, release: Release, app: str, deployment: str, pace: Pace) -> list[str]:
    """Return the arguments of docker that have the engine begin with the first batch of a release, and no further."""
    return ["service", "update", "--detach", *_update_options(service, release, app, deployment, pace), service.id]


def _update_options(service: Service, release: Release, app: str, deployment: str, pace: Pace) -> Iterator[str]:
    yield from ("--with-registry-auth", "--no-resolve-image", "--image", release.image.pinned)
    yield from (f"--update-delay={HOLD}ns", f"--update-failure-action={_PAUSE}")
    if pace.order is not None:
        yield f"--update-order={pace.order}"
    if pace.parallelism is not None:
        yield f"--update-parallelism={pace.parallelism}"
    yield from _added("label", {**service_labels(release, app, deployment), **service.usual.label()})
    yield from _added("container-label", marks(release))
    if release.adopted:
        yield from (f"--container-label-rm={name}" for name in MARKS if name in (service.container.get("Labels") or {}))


def step_args(service: Service, step: str) -> list[str]:
    """Return the arguments that have the engine go on with the next batch."""
    return ["service", "update", "--detach", *_added("label", {STEP: step}), service.id]


def release_args(service: Service, pace: Pace) -> list[str]:
    """Return the arguments that have the engine update the service as it is used to."""
    usual = service.usual
    delay = usual.delay if pace.delay is None else f"{pace.delay:g}s"
    options = [f"--update-delay={delay}", f"--update-failure-action={usual.failure_action}"]
    written = [f"--label-rm={name}" for name in (HELD, STEP) if name in service.labels]
    return ["service", "update", "--detach", *options, *written, service.id]


def _added(kind: str, written: Mapping[str, str]) -> Iterator[str]:
    yield from (f"--{kind}-add={name}={value}" for name, value in written.items())
