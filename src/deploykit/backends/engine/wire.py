"""The engine's HTTP API for what the CLI has no command for, or what must not be seen in a list of processes.

Nobody can be asked instead, so that what goes wrong is explained here.
"""

from collections.abc import Mapping

from deploykit.backends.engine.client import QUERY_TIMEOUT, Engine, last_line
from deploykit.backends.engine.door import Reply, Unusable
from deploykit.backends.engine.runner import TimedOut
from deploykit.errors import EngineUnreachable


class Wire:
    """Asks an engine, and tells when it can't be reached."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ask(self, method: str, target: str, body: Mapping[str, object] | None = None) -> Reply:
        """Ask within QUERY_TIMEOUT, and only what may be asked twice. The reply has a time.

        Raises:
            EngineUnreachable: no whole answer came. Whether it did what was asked is not known.
        """
        try:
            reply = self._engine.door.ask(method, target, body, within=QUERY_TIMEOUT)
            reply.at  # noqa: B018 - what tells none is no engine
        except (TimedOut, Unusable, ValueError) as error:
            msg = f"the Docker engine cannot be reached: {last_line(str(error))}"
            raise EngineUnreachable(msg, hint="Is it running, and may this user use it? Try `docker info`.") from error
        return reply
