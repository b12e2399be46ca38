"""The labels by which containers are found again: enough to tell what serves when the journal is lost."""

from deploykit.backends.engine.containers import Container, label
from deploykit.release import Release

APP = "org.deploykit.app"
RELEASE = "org.deploykit.release"
FINGERPRINT = "org.deploykit.fingerprint"
IMAGE = "org.deploykit.image"
DEPLOYMENT = "org.deploykit.deployment"
ROLE = "org.deploykit.role"
COMMAND = "command"
REHEARSAL = "rehearsal"
SHELL = "shell"


def labels_for(release: Release, app: str) -> dict[str, str]:
    """Return what is written on every container of a release."""
    return {
        APP: app,
        RELEASE: release.id,
        FINGERPRINT: release.fingerprint,
        IMAGE: release.image.name,
    }


def belongs(container: Container, release: Release) -> bool:
    """Whether a container runs the release: by our labels. One without any is an adopted release's, by its image."""
    named = label(container, RELEASE)
    if named is None:
        return release.adopted and container.image == release.image.id
    return (named, label(container, FINGERPRINT)) == (release.id, release.fingerprint)
