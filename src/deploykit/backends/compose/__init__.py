"""The `compose` backend."""

from deploykit.backends.compose.backend import ComposeBackend

__all__ = ["ComposeBackend"]
