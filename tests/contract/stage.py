"""What the stages of all backends on a real engine have in common: the images of an app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploykit.release import ImageRef

if TYPE_CHECKING:
    from tests.engine.support.project import App


class OfImages:
    """Publishes to the app's own repository."""

    _app: App

    @property
    def missing(self) -> ImageRef:
        return ImageRef(self._app.images.repository, "nosuch")

    def publish(self, tag: str, exit_code: int | None = None) -> ImageRef:
        if exit_code is None:
            image = self._app.push(tag)
        else:
            image = self._app.push(tag, exit_after=0, exit_code=exit_code)
        return ImageRef(image.repository, tag)
