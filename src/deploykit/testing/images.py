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

    The registry has every tag of its repository: one that nobody has pushed is a good release. Of other repositories it
    has what was pushed by its whole name, `ghcr.io/fork/web:main-1`. `asked` is what somebody wanted to have.
    """

    repository: str
    contents: dict[str, FakeRelease] = field(default_factory=dict)
    registry: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    at_hand: dict[str, ImageRef] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    down: bool = False

    def move(self, repository: str) -> None:
        """Be the registry's images of another repository, with all that was pushed so far."""
        for script in self.contents.values():
            if script.image.repository == self.repository:
                script.image = replace(script.image, repository=repository)
        self.repository = repository
        self.registry = {self.key(self.named(key)): content for key, content in self.registry.items()}

    def named(self, name: str) -> ImageRef:
        """Return the image that is meant by a tag, or by a whole name."""
        return ImageRef.parse(name) if ":" in name else ImageRef(self.repository, name)

    def key(self, image: ImageRef) -> str:
        """Return how an image is called here: by its tag, or, of another repository, by its whole name."""
        return str(image.tag) if image.repository == self.repository else image.name

    def push(self, name: str) -> FakeRelease:
        """Give a tag new content in the registry, and return its script."""
        wanted = self.named(name)
        number = sum(one.image.name == wanted.name for one in self.contents.values())
        text = f"{wanted.name} {number}"
        image = replace(wanted, digest=_sha(f"manifest of {text}"), id=_sha(text))
        self.contents[_sha(text)] = FakeRelease(image)
        self.registry[self.key(wanted)] = _sha(text)
        return self.contents[_sha(text)]

    def script(self, name: str) -> FakeRelease:
        """Return the script of what the registry's tag names; a tag that is not there is pushed."""
        key = self.key(self.named(name))
        return self.contents[self.registry[key]] if key in self.registry else self.push(name)

    def bring(self, content: str, tag: str | None) -> ImageRef:
        """Have that content at hand, its tag naming it from now on."""
        image = replace(self.contents[content].image, tag=tag)
        if tag:
            self.tags[self.key(image)] = content
        self.at_hand[content] = image
        self.asked.add(content)
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
        if image.tag and not image.id and not image.digest and image.repository == self.repository:
            self.script(image.tag)
        content = self._content(image, self.registry)
        self.asked.add(content or "")
        if self.down:
            raise PullFailed(f"{image.name} did not come: the registry does not answer")
        if content is None:
            hint = f"The fake's registry has of {image.repository} what it was given: fake.release({image.name!r})."
            raise PullFailed(f"{image.name} did not come: not found", hint=hint)
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
        return tags.get(self.key(image)) if image.tag else None
