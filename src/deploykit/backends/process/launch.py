"""Starting a shim, and handing it what it is to run."""

import json
import os
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from deploykit.backends.process import shim
from deploykit.backends.process.records import Records
from deploykit.backends.process.settings import Settings
from deploykit.errors import StepFailed
from deploykit.release import Release

START_WAIT = 10.0
"""Seconds that a shim may take to put the start on record."""


class Shim:
    """A shim that waits for what it is to run. It goes away by itself when it is never told, or we are killed."""

    def __init__(self, inherit: tuple[int, ...]) -> None:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(shim.__file__))],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
                pass_fds=inherit,
                start_new_session=True,
            )
        except OSError as error:
            msg = f"the process that looks after the command cannot be started: {error}"
            raise StepFailed(msg) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            # Its own group: the command, if it is there already, is in another.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
        self._process.__exit__(kind, error, trace)

    def run(self, spec: shim.Spec) -> None:
        """Have it run the command; returns when the start is on record.

        Raises:
            StepFailed: that did not come to pass.
        """
        try:
            _, said = self._process.communicate(json.dumps(vars(spec)).encode(), timeout=START_WAIT)
        except subprocess.TimeoutExpired as error:
            msg = f"the command was not started within {START_WAIT:g}s"
            raise StepFailed(msg) from error
        if not Path(spec.path).exists():
            msg = "the command could not be started"
            raise StepFailed(msg, detail=said.decode(errors="replace")[-4096:])


def specify(
    release: Release, settings: Settings, content: Path, records: Records, number: int, inherit: tuple[int, ...]
) -> shim.Spec:
    """Return what a shim is told, to run a new instance of the release."""
    instance_id = uuid.uuid4().hex[:12]
    log = str(records.log(instance_id))
    return shim.Spec(
        argv=settings.argv(release.image.tag, str(content)),
        environment={**os.environ, **settings.environment},
        directory=str(content),
        log=log,
        path=str(records.path(instance_id)),
        record={
            "app": records.app,
            "number": number,
            "release": release.id,
            "fingerprint": release.fingerprint,
            "repository": release.image.repository,
            "tag": release.image.tag,
            "digest": release.image.id or release.image.digest,
            "service": settings.service,
            "grace": settings.stop_grace,
            "log": log,
            "created_at": time.time(),
        },
        grace=settings.stop_grace,
        inherit=list(inherit),
    )
