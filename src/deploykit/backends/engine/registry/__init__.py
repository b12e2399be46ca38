"""A registry of images, asked by HTTP with the credentials that docker has."""

from deploykit.backends.engine.registry.catalogue import Catalogue

__all__ = ["Catalogue"]
