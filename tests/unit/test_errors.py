"""Outcomes with their exit codes, and the tree of errors."""

import pytest

from deploykit import errors
from deploykit.errors import DeploykitError, DeploymentFailed, Interrupted, Outcome

TABLE = {
    "deployed unchanged": 0,
    "rolled_back untouched": 1,
    "restore_failed left_unhealthy unfinished": 3,
    "no_target": 4,
    "held": 6,
    "locked": 75,
    "interrupted": 130,
}


def test_every_outcome_has_the_exit_code_of_the_design() -> None:
    """Scripts rely on each of them."""
    expected = {name: code for names, code in TABLE.items() for name in names.split()}
    assert {outcome.name: outcome.exit_code for outcome in Outcome} == expected
    assert all(outcome.value == outcome.name for outcome in Outcome)


@pytest.mark.parametrize(
    ("name", "code"),
    [("ConfigError", 2), ("NoSuchRelease", 2), ("EngineUnreachable", 5), ("Held", 6), ("Locked", 75)],
)
def test_what_is_raised_when_nothing_began_has_a_hint_and_an_exit_code(name: str, code: int) -> None:
    """Every one of them is a DeploykitError."""
    error = getattr(errors, name)("no", hint="try this")
    assert isinstance(error, DeploykitError)
    assert (str(error), error.hint, error.exit_code) == ("no", "try this", code)
    assert getattr(errors, name)("no").hint == ""


def test_a_failed_deployment_has_its_own_exit_code() -> None:
    """That of the outcome."""
    error = DeploymentFailed("no", exit_code=4, hint="look")
    assert isinstance(error, DeploykitError)
    assert (error.exit_code, error.hint) == (4, "look")


def test_an_interrupt_is_no_error() -> None:
    """No `except Exception` may swallow it."""
    assert not issubclass(Interrupted, Exception)
    assert issubclass(Interrupted, BaseException)
