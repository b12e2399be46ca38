"""The fake under an unchanged script."""

import threading
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, cast

import pytest

import deploykit
from deploykit import App, ConfigError, HealthPolicy, Held, Locked, NoSuchRelease, Outcome
from deploykit.backends.compose import ComposeBackend
from deploykit.cli import main
from deploykit.events import Event
from deploykit.observers.webhook import Webhook
from deploykit.probes import HttpProbe
from deploykit.testing import Fake, FakeRelease, ManualClock, plugin
from examples import script
from tests.unit.world import World

SANDMATCH = Path(__file__).parents[3] / "examples" / "sandmatch" / "sandmatch.toml"
CONFIG = """\
[app]
name  = "shop"
image = "${REGISTRY:?which}/shop"
tag   = "${TAG:?pass --tag}"
[backend]
type     = "compose"
file     = "nowhere.yml"
services = ["web", "worker"]
strategy = "rolling"
[health]
attempts = 5
[[health.probe]]
type    = "http"
url     = "https://{host}:8000/${HEALTH_PATH}"
ca_file = "nowhere.pem"
[notify]
url = "${NOTIFY_URL}"
[hooks]
on_failure = ["./nowhere.sh"]
[check]
commands = [["./nowhere.sh"]]
"""


@pytest.fixture
def fake(deploykit_fake: Fake) -> Fake:
    return deploykit_fake


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_HOST", "ssh://prod.test")
    path = tmp_path / "shop.toml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize("config", ["sandmatch.toml", str(SANDMATCH)], ids=["no file", "a file"])
def test_a_crash_brings_the_old_release_back(fake: Fake, config: str) -> None:
    """As the design shows it: for a script that knows nothing of tests, with its config at hand or not."""
    fake.serving("main-xyz789")
    fake.release("main-abc123").crashes(after=3, exit_code=1, log="ImportError: courts")
    assert script.main(config, "main-abc123") == 1
    fake.assert_serving("main-xyz789")
    fake.last.assert_went("starting", "checking", "rolling_back", "rolled_back")
    fake.last.assert_outcome("rolled_back")
    assert (fake.last.tag, fake.last.message, fake.last.exit_code) == ("main-abc123", "Court booking", 1)
    assert fake.last.failure
    assert set(fake.last.failure.logs.splitlines()) == {"ImportError: courts"}
    assert fake.elapsed == pytest.approx(3)


@pytest.mark.parametrize(
    ("told", "outcome", "waited"),
    [
        (lambda release: release, "deployed", 0),
        (lambda release: release.never_ready(), "rolled_back", 60),
        (lambda release: release.oom(after=2), "rolled_back", 2),
        (lambda release: release.flaps(every=0.5), "deployed", 0),
        (lambda release: release.ready_after(20), "deployed", 20),
        (lambda release: release.pull_fails(1), "untouched", 0),
        (lambda release: release.turns_unhealthy(after=90), "deployed", 0),
    ],
)
def test_the_clock_tells_what_a_real_run_would_have_waited(
    fake: Fake, told: Callable[[FakeRelease], FakeRelease], outcome: str, waited: float
) -> None:
    """And the test waits for none of it."""
    fake.serving("one")
    told(fake.release("two"))
    script.main(str(SANDMATCH), "two")
    fake.last.assert_outcome(outcome)
    assert fake.elapsed == pytest.approx(waited, rel=0.06)


def test_the_config_is_read_for_real_and_needs_nothing_beside_it(fake: Fake, shop: Path) -> None:
    """No compose file, no certificate, no variable; a developer's DOCKER_HOST is nobody's business."""
    fake.serving("one")
    fake.release("two").never_ready()
    app = deploykit.load(shop)
    result = app.deploy("two")
    assert (result.outcome, result.image.name) == (Outcome.rolled_back, "registry/shop:two")
    assert fake.elapsed == pytest.approx(10, abs=0.1), "5 attempts, 2 s apart"
    assert {one.instance.service for one in fake.backend.living()} == {"web", "worker"}
    assert fake.backend.beside
    assert [probe.probe for probe in app.health()] == ["http https://{host}:8000/health-path"]
    assert fake.hooks == ["on_failure"]
    assert all(finding.about != "nowhere.sh" for finding in app.check("two"))


@pytest.mark.parametrize(
    ("line", "message"),
    [("attempts = 5", "health.atempts: unknown key; did you mean health.attempts?"), ("[app]", "is not valid TOML")],
)
def test_what_is_wrong_with_the_config_is_told(fake: Fake, shop: Path, line: str, message: str) -> None:
    """A test of a script finds a misspelt key."""
    shop.write_text(CONFIG.replace(line, line.replace("tt", "t").replace("]", "")))
    with pytest.raises(ConfigError) as caught:
        deploykit.load(shop)
    assert message in str(caught.value)


def test_what_turns_unhealthy_while_it_is_watched_goes_back(fake: Fake, shop: Path) -> None:
    """The watch costs no time either."""
    shop.write_text(CONFIG.replace("attempts = 5", "attempts = 5\nbake = 600"))
    fake.deployed("one")
    fake.release("two").turns_unhealthy(after=90)
    assert deploykit.load(shop).deploy("two").exit_code == 1
    fake.assert_serving("one")
    assert [story.record.kind.name for story in fake.deployments] == ["deploy", "rollback"]
    assert 90 <= fake.elapsed <= 120


@pytest.mark.parametrize("name", ["sandmatch.toml", "Sand Match (2).toml", "_.toml", "x" * 70 + "-y.toml", "a__b.toml"])
def test_any_name_of_a_file_that_is_not_there_will_do(fake: Fake, name: str) -> None:
    """An app is named after it, as far as it goes."""
    assert deploykit.load(name).deploy("one").ok


def test_a_file_that_is_not_there_has_the_target_that_is_named(fake: Fake) -> None:
    """A script that deploys to one of several targets needs no file either."""
    assert deploykit.load("nosuch.toml", target="staging").deploy(tag="one").exit_code == 0
    fake.assert_serving("one")


def test_a_script_that_forgets_the_tag_gets_none(fake: Fake, shop: Path) -> None:
    """Its variable has no stand-in: in production it would not be there either."""
    with pytest.raises(ConfigError, match="TAG is not set: pass --tag"):
        deploykit.load(shop).deploy()
    fake.assert_nothing_deployed()


def test_an_app_that_is_made_of_objects_is_on_the_fake_too(fake: Fake) -> None:
    """Also one that was made before the test began; what it observes with hears of it."""
    heard: list[Event] = []
    backend = ComposeBackend(name="shop", files=[Path("no.yml")], services=["web"], state=Path("no"))
    probe = HttpProbe(url="http://127.0.0.1:1/")
    app = App("shop", "example.org/shop", backend, [probe], HealthPolicy(attempts=1), observers=[heard.append])
    fake.release("one").warns("slow")
    assert app.deploy("one").ok
    fake.assert_serving("one")
    assert heard == list(fake.events) != []


def test_an_app_made_of_fakes_by_hand_stays_what_it_is(fake: Fake) -> None:
    """Whoever made it looks there."""
    world = World()
    world.good("one")
    fake.assert_nothing_deployed()


def test_nobody_is_told_by_a_config_file(fake: Fake, shop: Path) -> None:
    """Its webhook is not rung, nor waited for."""
    app = deploykit.load(shop)
    assert [type(one) for one in app._own.observers] == [Webhook]
    app.deploy("one")
    app.close()


def test_the_command_line_runs_on_it_in_this_process(
    fake: Fake, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For scripts that call it so."""
    fake.deployed("one")
    fake.release("two").crashes()
    assert main(["run", str(shop), "--tag", "two"]) == 1
    assert "[deploy] ERROR: Container exited with code 1 after 0.1s" in capsys.readouterr().out
    assert main(["rollback", str(shop)]) == 2
    fake.assert_serving("one")


def test_what_was_deployed_before_can_be_gone_back_to(fake: Fake) -> None:
    """It is no deployment of the script's, and its time is not counted."""
    fake.deployed("one", "two")
    fake.assert_serving("two")
    fake.assert_nothing_deployed()
    app = deploykit.load(SANDMATCH)
    assert app.rollback().ok
    fake.assert_serving("one")
    assert [(story.record.kind.name, story.tag) for story in fake.deployments] == [("rollback", "one")]
    assert fake.elapsed == 0
    with pytest.raises(NoSuchRelease):
        app.rollback()


def test_a_look_before_the_app_is_there_changes_nothing(fake: Fake) -> None:
    """It gets its services, and what serves has its image, all the same."""
    fake.serving("one")
    fake.assert_serving("one")
    assert deploykit.load(SANDMATCH).deploy("two").ok
    assert fake.backend.services == ("web", "worker")
    assert fake.last.record.current
    assert fake.last.record.current.image.name == "ghcr.io/ekimteam/sandmatch/web:one"


def test_refusals_can_be_brought_about(fake: Fake) -> None:
    """A hold, a lock, an engine that is away, a registry that is down."""
    fake.held("migration", by="alice")
    app = deploykit.load(SANDMATCH)
    with pytest.raises(Held, match="alice"):
        app.deploy("one")
    app.unhold()
    fake.goes_away(30)
    with pytest.raises(deploykit.EngineUnreachable):
        app.deploy("one")
    fake.comes_back()
    fake.registry_down()
    assert app.deploy("one").outcome is Outcome.untouched
    fake.registry_down(down=False)
    assert app.deploy("one").ok
    fake.locked(by="eve@ci")
    with pytest.raises(Locked, match="eve@ci"):
        app.deploy("two", lock_wait=5)


def test_something_can_be_done_when_a_state_is_reached(fake: Fake) -> None:
    """To cancel a deploy, say, as another thread would."""
    cancel = threading.Event()
    fake.serving("one")
    fake.release("two").never_ready()
    fake.when("checking", cancel.set)
    result = deploykit.load(SANDMATCH).deploy("two", cancel=cancel)
    assert (result.outcome, result.exit_code) == (Outcome.interrupted, 143)
    fake.assert_serving("one")


def test_the_first_state_can_be_waited_for_too(fake: Fake) -> None:
    """Though no move leads there."""
    fake.when("pending", fake.registry_down)
    script.main("sandmatch.toml", "one")
    fake.last.assert_went("pending", "saved", "pulling", "failed")


def test_what_is_done_then_can_fail_the_test() -> None:
    """In the end, for the deployment goes on; a state that there is not is told at once."""
    with pytest.raises(ZeroDivisionError), Fake() as fake:  # noqa: PT012 - it is raised when the fake is left
        fake.when("checking", lambda: 1 // 0)
        assert script.main("sandmatch.toml", "one") == 0
        with pytest.raises(ValueError, match="did you mean 'checking'"):
            fake.when("cheking", lambda: None)


def test_threads_are_on_it_too(fake: Fake, shop: Path) -> None:
    """Two apps in two threads don't meet: each has a world of its own, and then is to be named."""
    fake.app("sandmatch").release("one").never_ready()
    fake.app("shop").release("one").ready_after(4)
    threads = [
        threading.Thread(target=lambda path=path: deploykit.load(path).deploy("one")) for path in (SANDMATCH, shop)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fake.app("sandmatch").last.assert_went("checking", "failed")
    fake.app("shop").assert_serving("one")
    assert fake.app("shop").elapsed == pytest.approx(4, rel=0.06)
    with pytest.raises(AssertionError, match=r"say which is meant, app\('sandmatch'\), app\('shop'\)"):
        fake.assert_serving("one")


def test_two_threads_take_turns_at_one_app(fake: Fake) -> None:
    """The second waits for the first, by the real clock; without `lock_wait` it is locked out."""
    app = deploykit.load(SANDMATCH)
    inside, go_on = threading.Event(), threading.Event()
    fake.when("starting", inside.set)
    fake.when("starting", lambda: go_on.wait(10))
    first = threading.Thread(target=app.deploy, args=("one",))
    first.start()
    assert inside.wait(10)
    with pytest.raises(Locked):
        app.deploy("two")
    second = threading.Thread(target=app.deploy, args=("two",), kwargs={"lock_wait": 5})
    second.start()
    go_on.set()
    first.join()
    second.join()
    fake.assert_serving("two")
    assert [story.tag for story in fake.deployments] == ["one", "two"]


def test_it_is_taken_away_again() -> None:
    """Then an app touches the world as ever; there is one at a time."""
    clocks = []
    with Fake() as fake:
        app = deploykit.load("nosuch.toml")
        clocks.append(app._parts.clock)
        assert fake.clock is clocks[0]
        with pytest.raises(RuntimeError, match="use that one"), Fake():
            pass
    assert not isinstance(app._parts.clock, ManualClock)
    with pytest.raises(ConfigError, match="there is no config file"):
        deploykit.load("nosuch.toml")


class TestWithUnittest(unittest.TestCase):
    """Those who don't use pytest enter it themselves."""

    def test_it_is_a_context_manager(self) -> None:
        fake = self.enterContext(Fake())
        assert script.main("sandmatch.toml", "one") == 0
        fake.assert_serving("one")


@pytest.fixture
def failed(fake: Fake) -> Fake:
    fake.serving("one")
    fake.release("two").crashes(after=3, exit_code=7, log="ImportError: courts")
    script.main("sandmatch.toml", "two")
    return fake


@pytest.mark.parametrize(
    ("check", "first"),
    [
        (lambda fake: fake.assert_serving("two"), "two was to serve, but one does"),
        (lambda fake: fake.assert_nothing_serves(), "nothing was to serve, but one does"),
        (lambda fake: fake.assert_nothing_deployed(), "nothing was to be deployed"),
        (lambda fake: fake.last.assert_outcome("deployed"), "r1 was to end deployed, and ended rolled_back"),
        (lambda fake: fake.last.assert_went("checking", "healthy"), "r1 did not go checking → healthy"),
        (lambda fake: fake.last.assert_went("starting", "rolling_back"), "r1 did not go starting → rolling_back"),
    ],
)
def test_a_failed_assertion_tells_the_story(failed: Fake, check: Callable[[Fake], None], first: str) -> None:
    """What was expected, what is, and how it came to that."""
    with pytest.raises(AssertionError) as caught:
        check(failed)
    assert str(caught.value).splitlines() == [
        first,
        "",
        "r1: deploy of example.com/sandmatch:two: rolled_back, exit 1",
        "     0.0s  pending → saved",
        "     0.0s  saved → pulling",
        "     0.0s  pulling → starting",
        "     0.0s  starting → checking",
        "     3.0s  checking → rolling_back",
        "           Container exited with code 7 after 3.0s",
        "           not ready yet",
        "           | ImportError: courts",
        "     3.0s  rolling_back → rolled_back",
        "           serves then: example.com/sandmatch:one",
    ]


def test_what_was_not_deployed_has_no_last(fake: Fake) -> None:
    """Nor has a state that there is not."""
    with pytest.raises(AssertionError, match=r"^nothing was deployed$"):
        fake.last.assert_went("healthy")
    with pytest.raises(AssertionError, match="one was to serve, but nothing does\n\nNothing was deployed"):
        fake.assert_serving("one")
    fake.assert_nothing_serves()
    script.main("sandmatch.toml", "one")
    with pytest.raises(ValueError, match="no state 'rolledback'; did you mean 'rolled_back'"):
        fake.last.assert_went("rolledback")


def test_who_forgets_to_enter_it_is_told(tmp_path: Path) -> None:
    """Before the script deploys for real."""
    for use in (lambda: Fake().serving("one"), lambda: Fake().app("shop"), lambda: Fake().release("one")):
        with pytest.raises(RuntimeError, match="with Fake"):
            use()


def test_what_came_to_nothing_is_told_where_a_check_fails(fake: Fake) -> None:
    """A tag that the script did not deploy, a state that nothing was in, an app that nobody made."""
    fake.release("main-abc124").crashes()
    fake.when("rolling_back", lambda: None)
    script.main("sandmatch.toml", "main-abc123")
    with pytest.raises(AssertionError) as caught:
        fake.assert_nothing_serves()
    assert str(caught.value).splitlines()[-2:] == [
        "main-abc124 was scripted, and never asked for",
        "no deployment was in rolling_back, where something was to be done",
    ]
    with pytest.raises(AssertionError, match="the script has made no app 'sandmtch'"):
        fake.app("sandmtch").assert_serving("main-abc123")


@pytest.mark.parametrize("how", ["release", "push", "serving"])
def test_what_was_asked_for_is_no_loose_end(fake: Fake, how: str) -> None:
    """Also when it did not come."""
    getattr(fake, how)("one")
    fake.when("pulling", lambda: fake.registry_down())
    script.main("sandmatch.toml", "one")
    assert fake.world.idle == []


def test_any_error_has_the_story_as_a_note() -> None:
    """A plain `assert ship(...) == 1`; of several apps that of each, by its name; what says it itself gets none."""
    with pytest.raises(AssertionError) as caught, Fake() as fake:  # noqa: PT012 - the note comes when it is left
        fake.app("shop").release("one").crashes()
        deploykit.load("shop.toml").deploy("one")
        deploykit.load("blog.toml").deploy("one")
        raise AssertionError("1 != 0")
    shop, blog = caught.value.__notes__
    assert shop.startswith("\napp shop:\nr1: deploy of example.com/shop:one: no_target, exit 4\n")
    assert blog.startswith("\napp blog:\nr1: deploy of example.com/blog:one: deployed, exit 0\n")
    with pytest.raises(AssertionError, match="to be deployed") as caught, Fake() as fake:  # noqa: PT012 - as above
        script.main("sandmatch.toml", "one")
        fake.assert_nothing_deployed()
    assert not hasattr(caught.value, "__notes__")


def test_the_fixture_gives_the_story_to_what_fails_a_test(fake: Fake) -> None:
    """By pytest's own hook: the test's error gets the note before it is shown."""

    class Item:
        funcargs: ClassVar[dict[str, object]] = {"deploykit_fake": fake}

    def fail() -> None:
        assert script.main("sandmatch.toml", "one") == 1

    call = pytest.CallInfo.from_call(fail, "call")
    plugin.pytest_runtest_makereport(cast("pytest.Item", Item), call)
    assert call.excinfo
    assert "checking → healthy" in call.excinfo.value.__notes__[0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda fake: fake.release("one").flaps(every=0), "every must be more than 0"),
        (lambda fake: fake.release("one").crashes(after=-1), "not a time, nor an exit code: dies_after=-1"),
        (lambda fake: fake.last.assert_went(), "name the states"),
        (lambda fake: fake.last.assert_outcome("rolledback"), "no outcome 'rolledback'; did you mean 'rolled_back'"),
        (lambda fake: fake.last.assert_outcome("x"), "no outcome 'x'; there is deployed, unchanged, "),
    ],
)
def test_a_wrong_use_is_an_error_at_once(fake: Fake, wrong: Callable[[Fake], object], message: str) -> None:
    """It does not pass, and says what there is."""
    script.main("sandmatch.toml", "one")
    with pytest.raises(ValueError, match=message):
        wrong(fake)


def test_an_image_of_another_repository_is_there_when_it_was_named(fake: Fake) -> None:
    """In full; what was not is not found, with how it is given."""
    fake.release("ghcr.io/fork/web:main-1").ready_after(7)
    app = deploykit.load(SANDMATCH)
    assert app.deploy(image="ghcr.io/fork/web:main-1").ok
    assert fake.elapsed == pytest.approx(7, rel=0.06)
    fake.assert_serving("ghcr.io/fork/web:main-1")
    assert fake.serves == "ghcr.io/fork/web:main-1"
    assert app.deploy("main-2").ok
    fake.assert_serving("main-2")
    fake.assert_serving("ghcr.io/ekimteam/sandmatch/web:main-2")
    result = app.deploy(image="ghcr.io/fork/web:main-3")
    assert result.failure
    assert (result.outcome, result.failure.hint.partition(": ")[2]) == (
        Outcome.untouched,
        "fake.release('ghcr.io/fork/web:main-3').",
    )


def test_a_repository_may_be_named_before_the_app_is_there(fake: Fake) -> None:
    """The app's own, in full, is its tag."""
    fake.release("ghcr.io/ekimteam/sandmatch/web:main-1").crashes()
    fake.release("other:main-1").ready_after(3)
    assert deploykit.load(SANDMATCH).deploy("main-1").exit_code == 4


def test_as_many_stand_up_at_once_as_the_config_says(fake: Fake, tmp_path: Path) -> None:
    """So the clock tells what rolling would have waited: 3 batches of 10 s, and 5 s of draining."""
    path = tmp_path / "shop.toml"
    path.write_text(
        '[app]\nname = "shop"\nimage = "shop"\n[backend]\ntype = "docker"\nstrategy = "rolling"\n'
        'replicas = 3\nparallelism = 1\ndrain = 5\n[[health.probe]]\ntype = "tcp"\nport = 80\n'
    )
    fake.serving("one")
    fake.release("two").ready_after(10)
    app = deploykit.load(path)
    assert len(app.status().instances) == 3
    assert app.deploy("two").ok
    assert [one.image.tag for one in fake.backend.living()] == ["two"] * 3
    assert fake.elapsed == pytest.approx(35, rel=0.06)


def test_the_command_needs_no_config_either(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As load() does not; several are an error all the same, for nobody knows which is meant."""
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--tag", "one"]) == 0
    fake.app("deploykit").assert_serving("one")
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text("[app]\n[backend]\n")
    assert main(["run", "--tag", "one"]) == 2
    assert "several config files here: a.toml, b.toml" in capsys.readouterr().err
