"""A probe that asks the fake's instances, and nothing else."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from deploykit.protocols import ProbeVerdict, Verdict
from deploykit.release import Instance

if TYPE_CHECKING:
    from deploykit.testing.backend import FakeBackend


class FakeProbe:
    """Passes when every instance of its service does as its script says. A look takes `takes` seconds."""

    def __init__(
        self, backend: "FakeBackend", service: str | None = None, takes: float = 0.0, *, name: str = ""
    ) -> None:
        self._backend = backend
        self._service = service
        self._name = name or f"fake {service or 'all'}"
        self.takes = takes
        self.looks: list[float] = []
        """When each look was made, by the clock."""

    @property
    def name(self) -> str:
        return self._name

    @property
    def service(self) -> str | None:
        return self._service

    def aimed(self, published: Mapping[int, int]) -> "FakeProbe":  # noqa: ARG002 - it always asks the instance itself
        return self

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        clock = self._backend.clock
        self.looks.append(clock.now())
        clock.sleep(min(self.takes, timeout))
        if self.takes > timeout:
            return Verdict(ProbeVerdict.unhealthy, f"no answer within {timeout:g}s")
        answers = [self._backend.answer(one) for one in instances]
        if not answers:
            return Verdict(ProbeVerdict.unhealthy, "no instance to ask")
        warnings = [warning for answer in answers for warning in answer.warnings]
        return next((one for one in answers if not one.healthy), Verdict(ProbeVerdict.healthy, "", tuple(warnings)))
