"""The pytest plug-in: the fixture `deploykit_fake`. Costs nothing where no test asks for it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from deploykit.testing.fake import Fake


@pytest.fixture
def deploykit_fake() -> Iterator["Fake"]:
    """A fake under every app of deploykit, while the test runs: see deploykit.testing.Fake."""
    from deploykit.testing.fake import Fake

    with Fake() as fake:
        yield fake
