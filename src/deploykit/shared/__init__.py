"""What deploykit remembers, kept with the engine: the same journal and the same lock for every machine that deploys."""

from deploykit.shared.store import SharedState, shelf_name

__all__ = ["SharedState", "shelf_name"]
