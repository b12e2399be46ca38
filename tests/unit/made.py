"""Values that tests need and do not care about."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploykit.config.document import read_document
from deploykit.config.targets import names
from deploykit.errors import Outcome
from deploykit.events import Finished
from deploykit.record import Failure, Kind, Options, Record
from deploykit.release import ImageRef, Release
from deploykit.states import State


def image(tag: str, content: str | None = None) -> ImageRef:
    """A pinned image: the same `content` is the same image."""
    digest = hashlib.sha256((content or tag).encode()).hexdigest()
    return ImageRef("example.com/team/web", tag, f"sha256:{digest}", f"sha256:{digest}")


def release(
    tag: str, number: int = 1, parts: Mapping[str, str] | None = None, *, irreversible: bool = False
) -> Release:
    return Release(f"r{number}", image(tag), parts or {}, irreversible)


def row(number: int = 1, kind: Kind = Kind.deploy, state: State = State.healthy, **fields: object) -> Record:
    """A deployment's row; one in a terminal state has been started."""
    given: dict[str, object] = {"started": state in {State.healthy, State.rolled_back}, "options": Options(), **fields}
    given.setdefault("asked", image("asked"))
    return Record(
        number=number,
        engine="engine",
        project="project",
        kind=kind,
        started_at=float(number),
        state=state,
        **given,  # type: ignore[arg-type]  # they are Record's
    )


def rolled_back(why: str, duration: float = 4.2) -> Finished:
    """The end of a deploy that failed in checking, and went back."""
    return Finished(
        id="r7",
        at=0,
        kind=Kind.deploy,
        outcome=Outcome.rolled_back,
        state=State.rolled_back,
        exit_code=1,
        image=ImageRef("ghcr.io/team/web", "two"),
        release=None,
        serving=None,
        previous=None,
        barrier=None,
        failure=Failure(why, State.checking),
        duration=duration,
    )


def targets_of(config: Path) -> Sequence[str | None]:
    """The targets of a config file; None alone where it has none."""
    return names(read_document(config, {})) or [None]
