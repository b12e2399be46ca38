"""The images of the fake: a registry, and what is at hand."""

import hashlib
from dataclasses import dataclass, field, replace

from deploykit.errors import PullFailed
from deploykit.protocols import PullPolicy
from deploykit.release import ImageRef
from deploykit.testing.script import FakeRelease


def _sha(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@dataclass(slots=True)
class FakeImages:
    """Every content that was ever pushed, what the registry's tags name, and what is at hand.

    The registry has every tag of its repository: one that nobody has pushed is a good release.
    """

    repository: str
    contents: dict[str, FakeRelease] = field(default_factory=dict)
    registry: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    at_hand: dict[str, ImageRef] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    down: bool = False

    def move(self, repository: str) -> None:
        """Be the registry's images of another repository, with all that was pushed so far."""
        self.repository = repository
        for script in self.contents.values():
            script.image = replace(script.image, repository=repository)

    def push(self, tag: str) -> FakeRelease:
        """Give a tag new content in the registry, and return its script."""
        number = sum(one.image.tag == tag for one in self.contents.values())
        text = f"{self.repository}:{tag} {number}"
        image = ImageRef(self.repository, tag, _sha(f"manifest of {text}"), _sha(text))
        self.contents[_sha(text)] = FakeRelease(image)
        self.registry[tag] = _sha(text)
        return self.contents[_sha(text)]

    def script(self, tag: str) -> FakeRelease:
        """Return the script of what the registry's tag names; a tag that is not there is pushed."""
        return self.contents[self.registry[tag]] if tag in self.registry else self.push(tag)

    def bring(self, content: str, tag: str | None) -> ImageRef:
        """Have that content at hand, its tag naming it from now on."""
        image = replace(self.contents[content].image, tag=tag)
        if tag:
            self.tags[tag] = content
        self.at_hand[content] = image
        return image

    def find(self, image: ImageRef) -> ImageRef | None:
        """Return it, pinned, when it is at hand."""
        content = self._content(image, self.tags)
        found = self.at_hand.get(content or "")
        return found and replace(found, tag=image.tag or found.tag)

    def pull(self, image: ImageRef, policy: PullPolicy) -> ImageRef:
        """Return it, pinned; from the registry when the policy, or its absence, wants that."""
        found = self.find(image)
        asks = policy is PullPolicy.always and not (found and (image.id or image.digest))
        if found and not asks:
            return found
        if policy is PullPolicy.never:
            msg = f"{image.name} is not at hand"
            raise PullFailed(msg)
        return self._from_registry(image)

    def forget(self) -> None:
        """Have nothing at hand."""
        self.tags, self.at_hand, self.kept = {}, {}, set()

    def prune(self, used: set[str]) -> None:
        """Drop what no tag names, nobody keeps, and nothing uses."""
        named = {*self.tags.values(), *self.kept, *used}
        self.at_hand = {content: image for content, image in self.at_hand.items() if content in named}

    def drop(self, content: str) -> bool:
        """Let go of a content and of its names; whether it was at hand."""
        self.kept.discard(content)
        self.tags = {tag: named for tag, named in self.tags.items() if named != content}
        return self.at_hand.pop(content, None) is not None

    def _from_registry(self, image: ImageRef) -> ImageRef:
        if self.down:
            raise PullFailed(f"{image.name} did not come: the registry does not answer")
        if image.tag and not image.id and not image.digest and image.repository == self.repository:
            self.script(image.tag)
        content = self._content(image, self.registry)
        if content is None:
            raise PullFailed(f"{image.name} did not come: not found")
        script = self.contents[content]
        if script.failing_pulls > 0:
            script.failing_pulls -= 1
            msg = f"{image.name} did not come: connection reset"
            raise PullFailed(msg)
        return self.bring(content, image.tag)

    def _content(self, image: ImageRef, tags: dict[str, str]) -> str | None:
        if image.id:
            return image.id if image.id in self.contents else None
        if image.digest:
            return next((key for key, one in self.contents.items() if one.image.digest == image.digest), None)
        return tags.get(image.tag or "") if image.repository == self.repository else None
