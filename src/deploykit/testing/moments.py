"""Where a test may step in: just before, in the middle of, and just after what the fakes do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal


class Killed(BaseException):
    """Raised by a test's hook in place of a SIGKILL: no handler may survive it, and nothing is tidied up."""


When = Literal["before", "during", "after"]


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in a run: of which call (`backend.start`, `journal.update`), and on which side of its effect."""

    call: str
    when: When


Hook = Callable[[Moment], None]


@dataclass(slots=True)
class Moments:
    """Tells every moment to its hooks, and remembers the calls that were made."""

    hooks: list[Hook] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def tell(self, call: str, when: When) -> None:
        """Tell one moment."""
        if when == "before":
            self.calls.append(call)
        for hook in list(self.hooks):
            hook(Moment(call, when))

    @contextmanager
    def around(self, call: str) -> Iterator[None]:
        """Tell the moments before and after what is done inside."""
        self.tell(call, "before")
        yield
        self.tell(call, "after")

    @contextmanager
    def hooked(self, hook: Hook) -> Iterator[None]:
        """Lend a hook for a while."""
        self.hooks.append(hook)
        try:
            yield
        finally:
            self.hooks.remove(hook)
