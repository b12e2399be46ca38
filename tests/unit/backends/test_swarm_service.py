"""The words that change a service."""

import json

import pytest

from deploykit.backends.swarm.service import HOLD, Pace, Service, Usual, release_args, step_args, update_args
from tests.unit.backends.swarm import FOUND, HELD, NEW, OLD, said_of_service


def words(service: Service, pace: Pace | None = None, release: object = NEW) -> list[str]:
    assert isinstance(release, type(NEW))
    return update_args(service, release, "shop", "r2", pace or Pace())


def test_an_update_names_the_digest_and_goes_no_further_than_one_batch() -> None:
    """Credentials go along, no registry is asked, the engine never goes back by itself, nor on."""
    args = words(Service("web", said_of_service(OLD)))
    assert args[:3] == ["service", "update", "--detach"]
    assert args[args.index("--image") + 1] == NEW.image.pinned
    assert {"--with-registry-auth", "--no-resolve-image", "--update-failure-action=pause"} <= set(args)
    assert f"--update-delay={30 * 24 * 3600 * 10**9}ns" in args
    assert f"--container-label-add=org.deploykit.release={NEW.id}" in args
    assert f"--label-add=org.deploykit.fingerprint={NEW.fingerprint}" in args
    assert not [arg for arg in args if "order" in arg or "parallelism" in arg or "rollback" in arg]
    assert args[-1] == "s1"


def test_the_pace_is_as_configured() -> None:
    """Order and parallelism are the engine's own."""
    args = words(Service("web", said_of_service(OLD)), Pace(order="start-first", parallelism=2))
    assert {"--update-order=start-first", "--update-parallelism=2"} <= set(args)


def test_an_adopted_release_has_no_labels() -> None:
    """So what still runs of it is left alone when it comes back."""
    args = words(Service("web", said_of_service(NEW)), release=FOUND)
    assert not [arg for arg in args if arg.startswith("--container-label-add")]
    assert "--container-label-rm=org.deploykit.release" in args


def test_a_step_changes_no_task() -> None:
    """A label of the service alone."""
    assert step_args(Service("web", said_of_service(NEW)), "r2-1") == [
        *("service", "update", "--detach", "--label-add=org.deploykit.step=r2-1", "s1"),
    ]


def test_what_a_service_was_used_to_comes_back() -> None:
    """Also after a deployment that began while another was left in its middle."""
    usual = {"Delay": 2_000_000_000, "FailureAction": "rollback"}
    args = words(Service("web", said_of_service(OLD, update=usual)))
    (held,) = [arg.partition(f"{HELD}=")[2] for arg in args if HELD in arg]
    assert json.loads(held) == {"delay": "2000000000ns", "failure_action": "rollback"}
    middle = Service("web", said_of_service(NEW, labels={HELD: held}, update={"Delay": 9}))
    assert f"--label-add={HELD}={held}" in words(middle)
    assert release_args(middle, Pace()) == [
        *("service", "update", "--detach", "--update-delay=2000000000ns", "--update-failure-action=rollback"),
        *(f"--label-rm={HELD}", "s1"),
    ]
    assert "--update-delay=7s" in release_args(middle, Pace(delay=7))


def test_a_delay_that_was_left_behind_is_nobodys() -> None:
    """Whoever takes our label off a service does not make it wait for a month."""
    assert Service("web", said_of_service(NEW, update={"Delay": HOLD})).usual.seconds == 0


@pytest.mark.parametrize(("written", "seconds"), [("0s", 0), ("1m30s", 90), ("1.5s", 1.5), ("2000000000ns", 2)])
def test_durations_are_dockers(written: str, seconds: float) -> None:
    """As in a compose file, and as the engine tells them."""
    assert Usual(written).seconds == seconds


def test_what_a_service_is_specified_as() -> None:
    """By image and labels both: the same image under another release's id is to be started anew."""
    service = Service("web", said_of_service(NEW))
    assert service.specifies(NEW)
    assert not service.specifies(OLD)
    assert Service("web", said_of_service(FOUND)).specifies(FOUND)
