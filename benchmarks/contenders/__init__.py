"""Those who compete. A further one is a class that fulfils Contender, and an entry in this table."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.contenders.compose import ComposeUp
from benchmarks.contenders.contract import Budget, Contender, Ended
from benchmarks.contenders.deploykit import Deploykit
from benchmarks.contenders.script import Script
from tests.engine.support.project import ComposeApp

CONTENDERS: tuple[Callable[[ComposeApp, Budget], Contender], ...] = (Deploykit, Script, ComposeUp)
"""All of them; each gets an app of its own, and the same images."""

__all__ = ["CONTENDERS", "Budget", "Contender", "Ended"]
