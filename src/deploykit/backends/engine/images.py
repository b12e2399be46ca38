"""Images of an engine: found, pulled, pinned, and kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deploykit.backends.engine.advice import advice
from deploykit.backends.engine.client import Engine, last_line
from deploykit.backends.engine.runner import TimedOut
from deploykit.errors import PullFailed
from deploykit.protocols import Control, PullPolicy
from deploykit.release import ImageRef, Release

_Inspected = dict[str, Any]
"""What `docker image inspect` tells of an image."""
_KEPT = "deploykit/"
"""Before the app's name, in the tags of our own."""


@dataclass(frozen=True, slots=True)
class Images:
    """The images of one app on one engine. `pull_timeout` is in seconds.

    A release's image gets a tag of our own, `deploykit/APP:RELEASE`: one without any tag, its own having moved, falls
    to everybody's `docker image prune`. What serves is held by its container, and goes without it: Docker's tools show
    an image under the first of its tags, and people want to see the name that they know.
    """

    engine: Engine
    app: str
    pull_timeout: float

    def find(self, image: ImageRef) -> ImageRef | None:
        """Return the image, pinned, when it is at hand: by id, else by digest, else by tag."""
        pinned = [image.id, f"{image.repository}@{image.digest}" if image.digest else None]
        for reference in filter(None, pinned if any(pinned) else [image.name]):
            if inspected := self.engine.image(reference):
                return _pinned(image, inspected)
        return None

    def bring(self, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef:
        """Find or pull the image, as the policy has it, and return what came, pinned."""
        found = None if policy is PullPolicy.always else self.find(image)
        if found:
            return found
        if policy is PullPolicy.never:
            raise PullFailed(f"Pull failed: {image.name} is not at hand, and pull is 'never'")
        self._pull(image, control)
        found = self.find(replace(image, id=None))
        if found is None:
            raise PullFailed(f"Pull failed: {image.name} came, and is gone again")
        return found

    def keep(self, release: Release) -> None:
        """Give the release's image a tag of our own."""
        image = release.image
        self.engine.tag(image.id or image.pinned, self._keep_tag(release.id), f"keeping {image.name}")

    def settle(self, serving: Release) -> None:
        """Take our tags off the image that serves, when its own name still leads to it."""
        inspected = self.engine.image(serving.image.id) if serving.image.id else None
        tags = _tags(inspected)
        if familiar(serving.image.name) not in tags:
            return
        for tag in tags:
            if tag.startswith(self._keep_tag("")):
                self.engine.untag(tag)

    def discard(self, release: Release, kept: Sequence[Release]) -> bool:
        """Take our names, and the app's own, off an image that nobody uses; without any name it is gone.

        Whether there was one to take off. What a container of whoever it be was made of is left as it is; what another
        app keeps, as it is but for our names.
        """
        identity = release.image.id
        inspected = self.engine.image(identity) if identity else None
        if identity is None or inspected is None:
            return False
        if any(one.image.id == identity for one in kept):
            names = [name for name in _tags(inspected) if name == self._keep_tag(release.id)]
            names = names if len(_tags(inspected)) > len(names) else []
        elif self.engine.has_containers_of(identity):
            names = []
        elif any(map(self._is_kept_by_another, _tags(inspected))):
            names = [name for name in _tags(inspected) if name.startswith(self._keep_tag(""))]
        else:
            names = [
                *filter(lambda name: self._is_ours(name, release), _tags(inspected)),
                *_digests(release, inspected),
            ]
        for name in names:
            if self.engine.image(name):  # a digest may have gone with its tag
                self.engine.untag(name)
        return bool(names)

    def _is_kept_by_another(self, name: str) -> bool:
        return name.startswith(_KEPT) and not name.startswith(self._keep_tag(""))

    def _is_ours(self, name: str, release: Release) -> bool:
        repository = name.rpartition(":")[0]
        return name.startswith(self._keep_tag("")) or repository == familiar(release.image.repository)

    def kept(self) -> Sequence[ImageRef]:
        """Return the images that have a tag of ours, newest first."""
        listed = self.engine.ask("images", "--quiet", "--no-trunc", self._keep_tag("").rstrip(":"))
        return [ImageRef(self._keep_tag("").rstrip(":"), id=image) for image in dict.fromkeys(listed.split())]

    def has_healthcheck(self, image: ImageRef) -> bool:
        """Whether the image has a HEALTHCHECK instruction."""
        inspected = self.engine.image(image.id or image.pinned) or {}
        check = (inspected.get("Config") or {}).get("Healthcheck") or {}
        return bool((check.get("Test") or ["NONE"])[0] != "NONE")

    def labels(self, image: ImageRef) -> Mapping[str, str]:
        """Return the labels of an image that is at hand."""
        inspected = self.engine.image(image.id or image.pinned) or {}
        return (inspected.get("Config") or {}).get("Labels") or {}

    def of_container(self, image_id: str, name: str, ours: str | None) -> ImageRef:
        """Return the image that a container runs, under the name it was started with, or else one that it has.

        `ours` is the name that deploykit wrote on the container, if it did.
        """
        inspected = self.engine.image(image_id)
        named = _name(ours or name) or next(_names(inspected), ImageRef("unknown"))
        return _pinned(named, inspected) if inspected else replace(named, digest=None, id=image_id)

    def _pull(self, image: ImageRef, control: Control) -> None:
        wanted = f"{image.repository}@{image.digest}" if image.digest else image.name
        try:
            done = self.engine.docker_within(self.pull_timeout, "pull", wanted, control=control, terminal=control.live)
        except TimedOut as error:
            msg = f"Pull failed: {image.name} did not come within {self.pull_timeout:g}s"
            raise PullFailed(msg, hint="Is the registry reachable? [backend] pull_timeout sets the limit.") from error
        if done.code != 0:
            detail = self.engine.redact.redact_bytes(done.errors[-4000:]).strip()
            raise PullFailed(f"Pull failed: {image.name}: {last_line(detail)}", detail=detail, hint=advice(detail))

    def _keep_tag(self, release_id: str) -> str:
        return f"{_KEPT}{self.app}:{release_id}"


def _digests(release: Release, inspected: _Inspected) -> list[str]:
    repository = familiar(release.image.repository)
    return [name for name in inspected.get("RepoDigests") or () if name.partition("@")[0] == repository]


def familiar(name: str) -> str:
    """Return an image's name as the engine shows it: without the parts that Docker Hub's names leave out."""
    short = name.removeprefix("index.docker.io/").removeprefix("docker.io/")
    return short.removeprefix("library/")


def _pinned(image: ImageRef, inspected: _Inspected) -> ImageRef:
    digests = [reference.partition("@") for reference in inspected.get("RepoDigests") or ()]
    ours = [digest for repository, _, digest in digests if repository == familiar(image.repository)]
    digest = image.digest if image.digest in ours else next(iter(ours), None)
    return replace(image, id=inspected["Id"], digest=digest)


def _name(text: str) -> ImageRef | None:
    from deploykit.errors import ConfigError

    if text.startswith("sha256:"):
        return None  # a bare id, which would read as a repository and its tag
    try:
        return ImageRef.parse(text.partition("@")[0])
    except ConfigError:
        return None


def _names(inspected: _Inspected | None) -> Iterator[ImageRef]:
    for tag in _tags(inspected):
        if (image := _name(tag)) and not image.repository.startswith(_KEPT):
            yield image


def _tags(inspected: _Inspected | None) -> Sequence[str]:
    return (inspected or {}).get("RepoTags") or ()
