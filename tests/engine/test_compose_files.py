"""Compose files as people have them: only the services of the config are replaced, by their own name and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine.support.docker import docker
from tests.engine.support.told import assert_all_agree, ended

if TYPE_CHECKING:
    from tests.engine.support.docker import Container
    from tests.engine.support.project import ComposeApp


def by_service(app: ComposeApp, *services: str) -> dict[str, Container]:
    return {each.service: each for each in app.containers() if each.service in services}


def test_the_image_may_be_written_in(compose_app: ComposeApp) -> None:
    """A compose file that names its image in plain words runs the release's all the same."""
    compose_app.push("new")
    text = compose_app.compose_file.read_text()
    compose_app.compose_file.write_text(text.replace("${WEB_IMAGE}:${WEB_IMAGE_TAG}", "example.invalid/web:written-in"))

    ended(compose_app.deploykit("run", "--tag", "new"), 0)

    assert_all_agree(compose_app, "new")


def test_the_tag_may_stand_elsewhere(compose_app: ComposeApp) -> None:
    """Host name, container name, label and mount with the tag in them get the plain tag, no digest."""
    compose_app.write_compose(
        web="""
        hostname: web-${WEB_IMAGE_TAG}
        container_name: ${WEB_NAME:-web}-${WEB_IMAGE_TAG}-CT
        labels: {version: "${WEB_IMAGE_TAG}"}
        volumes: ["./static/${WEB_IMAGE_TAG}:/static", "${EXTRA:-./extra}:/extra"]
        """.replace("CT", compose_app.name)
    )
    for tag in ("a", "b"):
        compose_app.push(tag)
        ended(compose_app.deploykit("run", "--tag", tag, env={"WEB_NAME": "site"}), 0)

    (container,) = compose_app.containers()
    assert container.name == f"site-b-{compose_app.name}"
    assert container.labels["version"] == "b"
    ended(compose_app.deploykit("rollback"), 0)  # WEB_NAME is kept: nothing of today's shell is needed
    (container,) = compose_app.containers()
    assert container.name == f"site-a-{compose_app.name}"
    assert (compose_app.folder / "static" / "a").is_dir()
    assert (compose_app.folder / "extra").is_dir()


STACK = """
worker:
    image: ${{WEB_IMAGE}}:${{WEB_IMAGE_TAG}}
    depends_on: [db]
migrate:
    image: {helper}
    entrypoint: ["/bin/busybox", "sh", "-c", "echo done >> /data/migrations"]
    volumes: ["data:/data"]
    depends_on:
        db: {{condition: service_healthy}}
db:
    extends: {{file: base/db.yml, service: db}}
    image: {helper}
    volumes: ["data:/data"]
"""
BASE = """
services:
    db:
        env_file: [db.env]
        healthcheck:
            test: ["CMD", "/bin/busybox", "test", "-e", "/bin/busybox"]
            interval: 1s
        volumes: ["./rel:/rel"]
"""
WEB = """
env_file: [.env.web]
depends_on:
    db: {condition: service_healthy}
    migrate: {condition: service_completed_successfully}
"""


def stack(app: ComposeApp) -> ComposeApp:
    helper = app.push("1", name="helper", local=True)
    services = "".join(f"  {line}\n" for line in STACK.format(helper=helper.reference).strip().splitlines())
    app.write_compose(web=WEB, rest=f"{services}volumes:\n  data:\n")
    (app.folder / "base").mkdir()
    (app.folder / "base" / "db.yml").write_text(BASE)
    (app.folder / "base" / "db.env").write_text("POSTGRES_PASSWORD=hunter2hunter2\n")
    (app.folder / ".env.web").write_text("SECRET_KEY=canary-canary\n")
    app.write_config(backend={"services": ["web", "worker"]})
    return app


def test_nothing_but_the_services_is_touched(compose_app: ComposeApp) -> None:
    """Two services on one image; the database with its volume, and a one-shot that exited 0, are left as they are."""
    app = stack(compose_app)
    app.push("a")
    app.push("bad", status=500)
    ended(app.deploykit("run", "--tag", "a"), 0)
    before = by_service(app, "db", "migrate")
    docker("exec", before["db"].id, "/bin/busybox", "sh", "-c", "echo kept > /data/kept")

    ended(app.deploykit("run", "--tag", "bad"), 1)

    assert by_service(app, "db", "migrate") == before
    assert set(by_service(app, "web", "worker")) == {"web", "worker"}
    read = docker("exec", before["db"].id, "/bin/busybox", "cat", "/data/kept", "/data/migrations")
    assert read.split() == ["kept", "done"]
    assert app.serves("a")
    assert {each.image_id for each in by_service(app, "web", "worker").values()} == {app.container().image_id}


def test_a_stopped_database_is_started_first(compose_app: ComposeApp) -> None:
    """What the services depend on and is stopped is started again, as it is, and not made anew."""
    app = stack(compose_app)
    app.push("a")
    app.push("b")
    ended(app.deploykit("run", "--tag", "a"), 0)
    database = by_service(app, "db")["db"]
    docker("stop", "-t", "0", database.id)

    ended(app.deploykit("run", "--tag", "b"), 0)

    now = by_service(app, "db")["db"]
    assert (now.id, now.state) == (database.id, "running")


def test_a_dependency_may_run_to_its_end(compose_app: ComposeApp) -> None:
    """One that nobody declared a one-shot, and that exits 0, is no failure; one that exits otherwise shows its log."""
    helper = compose_app.push("1", name="helper", local=True)
    command = "echo cannot prepare; exit ${CODE:-0}"
    services = f"init:\n  image: {helper.reference}\n  entrypoint: [/bin/busybox, sh, -c, '{command}']"
    compose_app.write_compose(web="depends_on: [init]", services=services)
    compose_app.push("a")
    ended(compose_app.deploykit("run", "--tag", "a"), 0)
    one_shot = "depends_on: {migrate: {condition: service_completed_successfully}}"
    compose_app.write_compose(web=one_shot, services=services.replace("init:", "migrate:"))
    compose_app.push("b")

    failed = ended(compose_app.deploykit("run", "--tag", "b", env={"CODE": "4"}), 1)

    assert "migrate, which comes before, exited with 4" in failed.stdout
    assert "| cannot prepare" in failed.stdout
    assert_all_agree(compose_app, "a")


def test_a_restore_runs_the_good_release_with_its_own_files(compose_app: ComposeApp) -> None:
    """Compose file and env files that were changed with the bad release do not reach the good one's restore."""
    compose_app.write_compose(web='env_file: [.env.web]\nenvironment: ["MODE=${MODE}"]')
    (compose_app.folder / ".env.web").write_text("COLOUR=green\n")
    (compose_app.folder / ".env").write_text("MODE=old\n")
    compose_app.push("good")
    compose_app.push("bad", status=500)
    ended(compose_app.deploykit("run", "--tag", "good"), 0)
    (compose_app.folder / ".env.web").write_text("COLOUR=red\n")
    (compose_app.folder / ".env").write_text("MODE=new\n")
    compose_app.write_compose(web='env_file: [.env.web]\nenvironment: ["MODE=${MODE}", "EXTRA=1"]')

    ended(compose_app.deploykit("run", "--tag", "bad"), 1)

    container = compose_app.container()
    environment = docker("inspect", "-f", "{{.Config.Env}}", container.id)
    assert "COLOUR=green" in environment
    assert "MODE=old" in environment
    assert "EXTRA" not in environment
    assert_all_agree(compose_app, "good")


def test_a_service_that_came_with_the_bad_release_goes_with_it(compose_app: ComposeApp) -> None:
    """The good release never had it: nothing of the sort is made of the good image."""
    compose_app.push("good")
    compose_app.push("bad", status=500)
    ended(compose_app.deploykit("run", "--tag", "good"), 0)
    compose_app.write_compose(services="worker:\n  image: ${WEB_IMAGE}:${WEB_IMAGE_TAG}")
    compose_app.write_config(backend={"services": ["web", "worker"]})

    ended(compose_app.deploykit("run", "--tag", "bad"), 1)

    assert [each.service for each in compose_app.containers()] == ["web"]
    assert_all_agree(compose_app, "good")


def test_files_of_releases_are_for_their_owner_alone(compose_app: ComposeApp) -> None:
    """What a release keeps, env files included, nobody else can read."""
    compose_app.write_compose(web="env_file: [.env.web]")
    (compose_app.folder / ".env.web").write_text("SECRET_KEY=canary-canary\n")
    compose_app.push("a")

    done = ended(compose_app.deploykit("run", "--tag", "a"), 0)

    state = compose_app.folder / ".deploykit"
    paths = [state, *state.rglob("*")]
    assert all(path.stat().st_mode & 0o077 == 0 for path in paths)
    assert "canary-canary" not in done.stdout + done.stderr
    holding = [path for path in paths if path.is_file() and b"canary-canary" in path.read_bytes()]
    assert all("releases" in path.parts for path in holding)


def test_a_compose_file_that_is_broken_today_does_not_stop_a_rollback(compose_app: ComposeApp) -> None:
    """Going back runs the release's own files, whatever stands in the folder now."""
    for tag in ("a", "b"):
        compose_app.push(tag)
        ended(compose_app.deploykit("run", "--tag", tag), 0)
    compose_app.compose_file.write_text("services: [broken\n")

    ended(compose_app.deploykit("rollback"), 0)

    assert compose_app.serves("a")
