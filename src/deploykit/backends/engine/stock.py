"""The images of an app: those that an engine has, and those in their registry."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from deploykit.backends.engine.client import Engine
from deploykit.backends.engine.containers import seconds_of
from deploykit.backends.engine.images import Images
from deploykit.protocols import Control, Offer, Offers, PullPolicy
from deploykit.release import ImageRef, Release

if TYPE_CHECKING:
    from deploykit.backends.engine.registry import Catalogue


class Stock:
    """What every backend on an engine does with images."""

    engine: Engine
    local: Images

    def find(self, image: ImageRef) -> ImageRef | None:
        return self.local.find(image)

    def pull(self, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef:
        return self.local.bring(image, policy, control)

    def keep(self, release: Release) -> None:
        self.local.keep(release)

    def labels(self, image: ImageRef) -> Mapping[str, str]:
        return self.local.labels(image)

    def images(self) -> Sequence[ImageRef]:
        return self.local.kept()

    def measure(self, image: ImageRef) -> tuple[int | None, float | None]:
        found = self.engine.image(image.id or image.pinned) or {}
        return found.get("Size"), seconds_of(found.get("Created"))

    def offers(self, repository: str, limit: int, first: Collection[str]) -> Offers:
        return self._catalogue().offers(repository, limit, first)

    def offer(self, image: ImageRef) -> Offer:
        return self._catalogue().offer(image)

    def _catalogue(self) -> "Catalogue":
        from deploykit.backends.engine.registry import Catalogue  # late: it speaks HTTP

        return Catalogue.of(self.engine)
