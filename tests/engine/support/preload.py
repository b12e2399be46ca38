"""Import all that a deploykit could import, for those that are forked from here (forked.py)."""

import gc
import importlib
import pkgutil

import deploykit
import tests.engine.support.killable  # noqa: F401 - so that this needs no import either

for module in pkgutil.walk_packages(deploykit.__path__, "deploykit."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
importlib.import_module("python_on_whales")
gc.freeze()  # no collection of theirs touches what is here
