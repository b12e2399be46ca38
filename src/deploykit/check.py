"""The checklist before a deploy: what would stop it, what would make it fail, and how to mend that."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from deploykit.errors import DeploykitError
from deploykit.protocols import Finding, Inspected, Standing
from deploykit.release import ImageRef
from deploykit.session import Parts
from deploykit.status import Status, look_at

_WORKSPACES = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "WORKSPACE", "BUILD_SOURCESDIRECTORY")
"""Variables in which CI systems (GitHub Actions, GitLab, Jenkins, Azure) name a folder that they clean."""


def check(parts: Parts, app: str, image: ImageRef | None, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Go through the list for a deploy of `image`; None: it is not known yet. What fails stops nothing else.

    Starts nothing, and takes no lock. Asks the registry, where the backend can. Makes a state folder that is missing.
    """
    yield from _guarded("state", lambda: _state(parts, environment))
    yield from _guarded("runtime", lambda: _runtime(parts, app))
    backend = parts.backend
    if image is None:
        yield Finding("image", Standing.warning, "no tag was named, so no image is looked for", "Pass --tag TAG.")
    else:
        yield from _guarded("files", lambda: _files(parts, image))
        if isinstance(backend, Inspected):
            yield from _guarded("image", lambda: backend.findings(image, parts.health.budget))
    yield from _guarded("probes", lambda: _probes(parts))


def worst(findings: Iterable[Finding]) -> Standing:
    """Return how bad the worst of them is."""
    order = list(Standing)
    return max((one.standing for one in findings), key=order.index, default=Standing.ok)


def _guarded(about: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except DeploykitError as error:
        yield Finding(about, Standing.failed, str(error), error.hint)


def _state(parts: Parts, environment: Mapping[str, str]) -> Iterator[Finding]:
    parts.state.prepare()
    folder = parts.state.folder
    cleaned = next((name for name in _WORKSPACES if folder and _lies_in(folder, environment.get(name))), None)
    if cleaned:
        text = f"the state folder {folder} lies in ${cleaned}, which CI cleans: the history is lost with it"
        yield Finding("state", Standing.warning, text, "Set [state] dir to a folder that stays.")
    else:
        text = f"{folder} can be written" if folder else "what is remembered is kept with the engine"
        yield Finding("state", Standing.ok, text)


def _lies_in(folder: Path, above: str | None) -> bool:
    return bool(above) and folder.resolve().is_relative_to(Path(str(above)).resolve())


def _runtime(parts: Parts, app: str) -> Iterator[Finding]:
    status = look_at(parts, app)
    yield Finding("runtime", Standing.ok, "it answers")
    yield from _free(status)
    yield from _serving(parts, status, parts.backend.identity().noun)
    yield from _target(status)


def _free(status: Status) -> Iterator[Finding]:
    if status.hold:
        text = f"{status.hold.by} holds deploys: {status.hold.why}"
        yield Finding("hold", Standing.failed, text, "`deploykit unhold` lets them go on.")
    if status.lock:
        text = f"another deployment runs: pid {status.lock.pid}, {status.lock.by} ({status.lock.doing})"
        yield Finding("lock", Standing.failed, text, "Wait for it, or pass --lock-wait to `run`.")
    elif status.state and status.outcome is None:
        text = "the last deployment was left half-way; the next one finishes it first"
        yield Finding("lock", Standing.warning, text, "`deploykit recover` finishes it now.")
    else:
        yield Finding("lock", Standing.ok, "no deployment runs")


def _serving(parts: Parts, status: Status, noun: str) -> Iterator[Finding]:
    if status.current is None:
        text = "nothing serves: a failed deploy has nothing to go back to"
        yield Finding("serving", Standing.warning, text, "That is so before the first deploy.")
        return
    name = status.current.image.name
    verdict = parts.check(noun).look_now(parts.health.budget)
    if verdict.healthy:
        yield Finding("serving", Standing.ok, f"{name} serves, healthy")
    else:
        text = f"{name} serves, and is not healthy now: {verdict.reason}"
        yield Finding("serving", Standing.warning, text, "A failure of the next release may have the same cause.")
    if not status.current.id:
        yield Finding("serving", Standing.ok, f"{name} was not deployed by deploykit; the next run adopts it")


def _target(status: Status) -> Iterator[Finding]:
    if status.tag_file_problem:
        text = f"`rollback` will be refused: {status.tag_file_problem}"
        yield Finding("target", Standing.warning, text, "Write one tag into that file, or delete it.")
    elif status.previous is None:
        yield Finding("target", Standing.ok, "there is no earlier good release; a failure restores what serves")
    elif status.previous_at_hand:
        yield Finding("target", Standing.ok, f"{status.previous.image.name} is at hand for `rollback`")
    else:
        text = f"{status.previous.image.name}, which `rollback` brings back, is not at hand: it must be pulled"
        yield Finding("target", Standing.warning, text, "`deploykit protect` keeps releases; who else prunes here?")


def _files(parts: Parts, image: ImageRef) -> Iterator[Finding]:
    parts.backend.snapshot(image)
    how = "beside what serves, rolling" if parts.backend.beside else "in place of what serves"
    yield Finding("files", Standing.ok, f"files, services and variables are there; a release starts {how}")


def _probes(parts: Parts) -> Iterator[Finding]:
    if parts.probes:
        names = ", ".join(probe.name for probe in parts.probes)
        yield Finding("probes", Standing.ok, f"{names}; {parts.health.budget:g}s to turn healthy")
    else:
        text = "there is no probe: whatever stays alive counts as healthy"
        yield Finding("probes", Standing.warning, text, "Add a [[health.probe]]; `deploykit init` shows one.")
