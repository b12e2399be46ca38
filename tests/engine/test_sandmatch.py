"""SandMatch as it is: Django, a worker and a real Postgres, by the runbook's own commands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from scripts.packages import NotInstallable
from scripts.sweep import sweep_images
from tests.engine.support import names
from tests.engine.support.images import Images
from tests.engine.support.sandmatch import BUDGET, SandMatch, build_bases
from tests.engine.support.told import assert_in_order, ended, history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripts.registry import Registry

pytestmark = pytest.mark.xdist_group("sandmatch")
HEALTHY = {"ok": True, "status": "healthy", "checks": {"django": True, "database": True, "frontend_assets": True}}
GOOD = "main-xyz789"
SURFACE = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("courts", "0001_initial")]
    operations = [migrations.AddField("court", "surface", models.CharField(max_length=20, default="sand", null=True))]
"""
BROKEN = SURFACE.replace("AddField", "RemoveField").replace(
    ', models.CharField(max_length=20, default="sand", null=True)', ""
)
NO_DATABASE = 'CMD ["env", "POSTGRES_PORT=1", "python", "-m", "gunicorn", "--bind=0.0.0.0:8000", "sandmatch.wsgi"]\n'


def migrates(source: Path) -> None:
    (source / "courts" / "migrations" / "0002_surface.py").write_text(SURFACE)


def fails_to_migrate(source: Path) -> None:
    (source / "courts" / "migrations" / "0002_surface.py").write_text(BROKEN)


def asks_the_wrong_port(source: Path) -> None:
    """Only what serves: the migration before it finds the database."""
    with (source / "Dockerfile").open("a") as file:
        file.write(NO_DATABASE)


def has_no_manifest(source: Path) -> None:
    (source / "staticfiles" / "frontend" / "manifest.json").unlink()


@pytest.fixture(scope="module")
def deployed(base_image: str, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandMatch]:
    """The example, and a good release of it deployed for the first time."""
    try:
        django, postgres = build_bases()
    except NotInstallable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no engine: no Django or Postgres: {error}")
    images, name = Images(registry, base_image), names.scope()
    folder = tmp_path_factory.mktemp("sandmatch") / name
    site = SandMatch(folder, images, name, django=django, postgres=postgres)
    try:
        site.build(GOOD)
        ended(site.script(tag=GOOD), 0)
        yield site
    finally:
        site.remove()
        sweep_images("scope", images.scope)


@pytest.fixture
def site(deployed: SandMatch) -> SandMatch:
    """The site with the good release; whatever served before."""
    ended(deployed.script(tag=GOOD), 0)
    return deployed


def test_a_good_release_serves(site: SandMatch) -> None:
    """Web and worker run it, Postgres beside them, the health is as the runbook shows it, and a row can be written."""
    assert site.health() == HEALTHY
    assert site.tags() == {GOOD}
    assert all(site.container(service).running for service in site.serving())
    site.add_court("Center")
    assert "Center" in site.courts()


def test_what_cannot_reach_its_database_is_restored(site: SandMatch) -> None:
    """By itself, with the runbook's lines; Postgres is left alone."""
    site.build("main-abc123", asks_the_wrong_port)
    database = site.serving()["db"]

    done = ended(site.script(tag="main-abc123"), 1)

    assert_in_order(
        done.stdout,
        [
            f"[deploy] Using image: {site.images.repository}:main-abc123",
            f"[deploy] Saved current version for rollback: {GOOD}",
            "[deploy] Starting containers...",
            "[deploy] Smoke check...",
            f"[deploy] ERROR: Health check failed after {BUDGET}",
            "[deploy] Auto-rollback triggered due to health check failure",
            "[deploy] ROLLBACK: Starting rollback to previous version...",
            f"[deploy] Rolling back to: {site.images.repository}:{GOOD}",
            "[deploy] Rollback completed successfully",
        ],
    )
    assert site.health() == HEALTHY
    assert site.tags() == {GOOD}
    assert site.serving()["db"] == database


def test_when_its_migration_fails_nothing_is_touched(site: SandMatch) -> None:
    """The same containers serve, and what Django said is told."""
    site.build("main-broken", fails_to_migrate)
    before = site.serving()

    done = site.script(tag="main-broken")

    assert done.returncode == 1
    assert "[deploy] Starting containers..." not in done.stdout
    assert "surface" in done.stdout
    assert history(site)[0]["outcome"] == "untouched"
    assert site.serving() == before
    assert site.health() == HEALTHY


def test_what_was_written_before_is_there_after_a_rollback(site: SandMatch) -> None:
    """Also what was written by the release that is left, and across a migration that the old one can live with."""
    site.build("main-surface", migrates)
    site.add_court("Old")
    assert "pending migrations: 1 " in ended(site.script("check", "--tag", "main-surface"), 0).stdout
    done = ended(site.script(tag="main-surface"), 0)
    assert "0002_surface" in done.stdout
    site.add_court("New")

    done = ended(site.script("rollback"), 0)

    assert done.stdout.splitlines()[-1] == "[deploy] Rollback completed successfully"
    assert site.tags() == {GOOD}
    assert {"Old", "New"} <= set(site.courts())


def test_without_its_manifest_it_is_warned_of(site: SandMatch) -> None:
    """Not critical: it serves."""
    site.build("main-bare", has_no_manifest)

    done = ended(site.script(tag="main-bare"), 0)

    assert "WARNING" in done.stdout
    assert "checks.frontend_assets" in done.stdout
    assert site.tags() == {"main-bare"}
    assert site.health() == {**HEALTHY, "checks": {"django": True, "database": True, "frontend_assets": False}}
