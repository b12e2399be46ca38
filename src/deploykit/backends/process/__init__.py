"""Releases as folders, run as detached local processes: deploykit's whole job without Docker."""

from deploykit.backends.process.backend import ProcessBackend

__all__ = ["ProcessBackend"]
