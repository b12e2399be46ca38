"""What programs read."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from tests.e2e.support import events

if TYPE_CHECKING:
    from tests.e2e.support import ProcessApp

RELEASE = ["id", "image", "tag", "digest", "image_id"]


def test_the_last_object_of_a_run_tells_the_end(app: ProcessApp) -> None:
    """`run --json` prints one object a line, and the last tells outcome, exit code and failure."""
    app.deploy("a")
    app.release("b", exits=3)
    done = app.deploykit("run", "--tag", "b", "--json")
    said = events(done.stdout)
    last = said[-1]
    assert [one["event"] for one in said].count("deployment.finished") == 1
    assert (last["event"], last["outcome"], last["state"]) == ("deployment.finished", "rolled_back", "rolled_back")
    assert last["exit_code"] == done.returncode == 1
    assert last["failure"]["exit_code"] == 3
    assert "courts" in last["failure"]["logs"]
    assert list(last["serving"]) == RELEASE
    assert (last["image"], last["tag"]) == ("example.org/shop/web:b", "b")


def test_a_rollback_that_recovery_fulfils_has_the_verbs_own_exit_code(app: ProcessApp) -> None:
    """The last object's exit code is that of the process, also where finishing a killed deploy was the rollback."""
    app.deploy("a")
    app.configure(attempts=60)
    app.release("slow", delay=60)
    process = app.start("run", "--tag", "slow")
    app.wait_for(process, "Smoke check...")
    process.kill()
    process.communicate()
    app.configure()
    done = app.deploykit("rollback", "--json")
    last = events(done.stdout)[-1]
    assert (last["event"], last["exit_code"], done.returncode) == ("deployment.finished", 0, 0)


def test_status_has_the_keys_of_the_contract(app: ProcessApp) -> None:
    """`status --json` is one document with the contract's keys."""
    app.deploy("a", "b")
    status = app.json("status")
    assert list(status) == [
        *(
            "app",
            "state",
            "outcome",
            "current",
            "candidate",
            "previous",
            "instances",
            "lock",
            "hold",
            "protected",
            "drift",
            "target",
        ),
    ]
    assert list(status["current"]) == RELEASE
    assert list(status["instances"][0]) == [
        "id",
        "service",
        "status",
        "health",
        "exit_code",
        "restarts",
        "started_at",
    ]
    assert (status["current"]["tag"], status["previous"]["tag"], status["candidate"]) == ("b", "a", None)


def test_status_of_what_was_never_deployed(app: ProcessApp) -> None:
    """`status --json` before the first deploy has the same keys, with nulls, and exits 1."""
    done = app.deploykit("status", "--json")
    status = json.loads(done.stdout)
    assert (done.returncode, status["state"], status["current"], status["instances"]) == (1, None, None, [])


def test_history_has_the_keys_of_the_contract(app: ProcessApp) -> None:
    """`history --json` is an array, newest first, with the contract's keys."""
    app.deploy("a", "b")
    newest, oldest = app.json("history")
    assert list(newest) == [
        *("id", "release", "kind", "image", "tag", "digest", "state", "outcome"),
        *("started_at", "finished_at", "message", "by", "protected"),
    ]
    assert (newest["id"], oldest["id"], newest["tag"]) == ("r2", "r1", "b")


def test_history_keeps_message_and_author(app: ProcessApp) -> None:
    """`--message` and DEPLOYKIT_BY are in the history, as text, whatever is in them."""
    app.release("a")
    app.deploykit("run", "--tag", "a", "--message", "Курсы\n\x1b[31mred", DEPLOYKIT_BY="olga")
    assert app.json("history", "r1")["by"] == "olga"
    assert app.json("history")[0]["message"] == "Курсы\n\x1b[31mred"
    assert "\x1b" not in app.deploykit("history").stdout


def test_bytes_that_are_no_text_do_not_stop_a_deploy(app: ProcessApp) -> None:
    """A message or an author that is not UTF-8 is kept with its bytes escaped."""
    app.release("a")
    done = app.deploykit("run", "--tag", "a", "-m", os.fsdecode(b"caf\xe9"), DEPLOYKIT_BY=os.fsdecode(b"Ren\xe9"))
    assert done.returncode == 0, done.stderr
    (row,) = app.json("history")
    assert (row["message"], row["by"]) == (r"caf\udce9", r"Ren\udce9")


def test_a_refusal_is_one_object(app: ProcessApp) -> None:
    """With --json a refusal is one object on stdout, nothing on stderr, with its exit code."""
    for argv in (["run", "--tag", "../x"], ["rollback", "nosuch"], ["status", "-c", "no.toml"], ["run", "--frob"]):
        done = app.deploykit(*argv, "--json")
        (said,) = events(done.stdout)
        assert list(said) == ["event", "exit_code", "error", "hint"]
        assert (said["event"], said["exit_code"], done.returncode) == ("deployment.refused", 2, 2)
        assert done.stderr == ""


def test_health_tells_each_probe(app: ProcessApp) -> None:
    """`health --json` tells each probe's answer, and exits 0 or 1."""
    app.deploy("a")
    assert app.json("health")["probes"][0]["healthy"] is True
    app.deploykit("run", "--tag", "a")
    app.release("bad", ok=False)
    app.deploykit("run", "--tag", "bad", "--no-rollback")
    done = app.deploykit("health", "--json")
    assert (done.returncode, json.loads(done.stdout)["healthy"]) == (1, False)
