"""What is to be known of containers that deploykit has not made, to bring them back as they were."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploykit.backends.engine.containers import NEVER, Container, restart_policy_of
from deploykit.disk import replace_file


@dataclass(frozen=True, slots=True)
class Policies:
    """The restart policies that containers had before they were stopped for good: then they have none of their own."""

    path: Path

    def note(self, containers: Iterable[Container]) -> None:
        """Keep the policies of containers that have one."""
        found = {one.id: policy for one in containers if (policy := restart_policy_of(one)) != NEVER}
        if found:
            replace_file(self.path, json.dumps({**self._read(), **found}, indent=1).encode())

    def of(self, container: str) -> str:
        """Return the policy that a container had."""
        return self._read().get(container, NEVER)

    def _read(self) -> dict[str, str]:
        with suppress(FileNotFoundError, ValueError):
            found: dict[str, str] = json.loads(self.path.read_text())
            return found
        return {}
