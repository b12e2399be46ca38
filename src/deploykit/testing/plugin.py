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


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Add to what failed a test with a fake the story of its deployments."""
    fake = getattr(item, "funcargs", {}).get("deploykit_fake")
    if fake and call.when == "call" and call.excinfo and isinstance(call.excinfo.value, Exception):
        fake.explain(call.excinfo.value)
