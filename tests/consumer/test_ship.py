"""The deploy script, in every case that matters. No Docker, no compose file, no variables; no test waits."""

import threading

import pytest
import ship


def test_a_crash_brings_the_old_release_back(deploykit_fake):
    deploykit_fake.serving("main-xyz789")
    deploykit_fake.release("main-abc123").crashes(after=3, exit_code=1, log="ImportError: courts")
    assert ship.ship("main-abc123") == 1
    deploykit_fake.assert_serving("main-xyz789")
    deploykit_fake.last.assert_went("starting", "checking", "rolling_back", "rolled_back")


def test_a_good_release_goes_live(deploykit_fake):
    deploykit_fake.serving("main-xyz789")
    assert ship.ship("main-abc123") == 0
    deploykit_fake.assert_serving("main-abc123")
    assert deploykit_fake.last.message == "Court booking"


def test_what_was_said(deploykit_fake, capsys):
    deploykit_fake.serving("main-xyz789")
    deploykit_fake.release("main-abc123").never_ready()
    assert ship.ship("main-abc123") == 1
    assert capsys.readouterr().out == "Health check failed after 60s serves: main-xyz789\n"
    assert deploykit_fake.elapsed == pytest.approx(60, abs=1)
    assert deploykit_fake.hooks == ["on_failure"]


@pytest.mark.parametrize(
    ("how", "options"),
    [
        ("crashes", {"after": 1, "exit_code": 3}),
        ("never_ready", {}),
        ("oom", {}),
        ("pull_fails", {"times": 1}),
        ("turns_unhealthy", {"after": 0}),
    ],
)
def test_whatever_happens_the_old_release_serves(deploykit_fake, how, options):
    deploykit_fake.serving("main-xyz789")
    getattr(deploykit_fake.release("main-abc123"), how)(**options)
    assert ship.ship("main-abc123") == 1
    deploykit_fake.assert_serving("main-xyz789")


def test_one_that_flaps_has_its_good_moment(deploykit_fake):
    deploykit_fake.release("main-abc123").flaps()
    assert ship.ship("main-abc123") == 0


def test_the_first_deploy_has_nothing_to_go_back_to(deploykit_fake):
    deploykit_fake.release("main-abc123").never_ready()
    assert ship.ship("main-abc123") == 4
    deploykit_fake.last.assert_outcome("no_target")


def test_back(deploykit_fake):
    deploykit_fake.deployed("main-1", "main-2")
    assert ship.back() == 0
    deploykit_fake.assert_serving("main-1")


def test_refusals_have_their_codes(deploykit_fake):
    deploykit_fake.held("migration")
    assert ship.ship("main-abc123") == 6
    deploykit_fake.assert_nothing_deployed()


def test_a_script_that_is_told_to_stop_leaves_the_old_release(deploykit_fake):
    cancel = threading.Event()
    deploykit_fake.serving("main-xyz789")
    deploykit_fake.when("checking", cancel.set)
    deploykit_fake.release("main-abc123").never_ready()
    assert ship.ship("main-abc123", cancel) == 143
    deploykit_fake.assert_serving("main-xyz789")


def test_several_apps_in_threads(deploykit_fake):
    deploykit_fake.app("blog").release("main-abc123").crashes()
    ship.ship_all("shop.toml", "blog.toml", tag="main-abc123")
    deploykit_fake.app("shop").assert_serving("main-abc123")
    deploykit_fake.app("blog").last.assert_outcome("no_target")
