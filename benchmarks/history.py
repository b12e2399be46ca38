"""A journal with a past: deployments as a busy year leaves them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from deploykit.journal import open_journal, read_journal
from deploykit.record import Move, Record
from deploykit.release import ImageRef, Release
from deploykit.states import State, Trigger

if TYPE_CHECKING:
    from pathlib import Path

    from deploykit.journal import SqliteJournal

PATH = (State.pending, State.saved, State.pulling, State.starting, State.checking, State.healthy)
TRIGGERS = (Trigger.save, Trigger.pull, Trigger.start, Trigger.check, Trigger.accept)
INTERVAL = 3600.0
"""Seconds from one deployment to the next."""


def fill(path: Path, scope: tuple[str, str], count: int) -> None:
    """Write so many good deployments of different content, each like the newest one that is there."""
    reader = read_journal(path, *scope)
    newest = reader.last()
    reader.close()
    assert newest is not None
    journal = open_journal(path, *scope)
    try:
        for number in range(newest.number + 1, newest.number + 1 + count):
            newest = _write(journal, _next(newest, number))
    finally:
        journal.close()


def _next(before: Record, number: int) -> Record:
    """Return the deployment of another release after one."""
    assert before.candidate is not None
    release = _release(before.candidate, number)
    return replace(
        before,
        asked=ImageRef(release.image.repository, release.image.tag),
        candidate=release,
        current=before.candidate,
        current_healthy=True,
        adopted=False,
        restore=before.candidate,
        started_at=before.started_at + INTERVAL,
        finished_at=(before.finished_at or 0) + INTERVAL,
    )


def _release(like: Release, number: int) -> Release:
    digest = f"sha256:{hashlib.sha256(str(number).encode()).hexdigest()}"
    image = replace(like.image, tag=f"main-{digest[7:14]}", id=digest, digest=like.image.digest and digest)
    return replace(like, id=f"r{number}", image=image)


def _write(journal: SqliteJournal, record: Record) -> Record:
    begun = journal.begin(record)
    for (source, target), trigger in zip(pairwise(PATH), TRIGGERS, strict=True):
        journal.update(begun, Move(begun.started_at, source, trigger, target))
    return begun
