"""HAProxy as an image of its own, set up as the example says."""

from __future__ import annotations

from pathlib import Path

from scripts import tools
from scripts.commands import CommandFailed
from scripts.sweep import LABEL
from tests.engine.support import names
from tests.engine.support.docker import docker

EXAMPLE = Path(__file__).parents[3] / "examples" / "rolling"
CONFIG = "/usr/local/etc/haproxy/haproxy.cfg"
PORT = 8080
HEALTH = "/api/health/"
FOUND = "/found"
"""What the tests' proxy answers by itself: how many instances it holds for up."""
_FOUND = f"http-request return status 200 content-type text/plain lf-string %[nbsrv(web)] if {{ path {FOUND} }}"
TAG = f"deploykit-test/{names.OWNER}:proxy"


def build_proxy() -> str:
    """Make the image, and return its name; raises NotInstallable."""
    try:
        docker("image", "inspect", TAG)
    except CommandFailed:
        labels = f"LABEL {LABEL}.run={names.RUN} {LABEL}.owner={names.OWNER}"
        entry = f'ENTRYPOINT ["/{tools.HAPROXY}", "-db", "-f", "{CONFIG}"]'
        docker("import", "--change", labels, "--change", entry, str(tools.haproxy()), TAG)
    return TAG


def proxy_config(service: str = "web") -> str:
    """Return the example's configuration, for the health check and the name of the test app."""
    text = (EXAMPLE / "haproxy.cfg").read_text()
    text = text.replace("bind :8080", f"bind :8080\n    {_FOUND}")
    return text.replace("GET /health", f"GET {HEALTH}").replace("web:8000", f"{service}:8000")
