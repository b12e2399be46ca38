"""The table of kinds."""

import subprocess
import sys

import pytest

from deploykit.probes import PROBES, CommandProbe, ContainerProbe, HttpProbe, TcpProbe
from deploykit.protocols import Probe


def test_every_kind_has_its_class() -> None:
    """The kinds of the configuration are those of the table."""
    assert dict(PROBES) == {"command": CommandProbe, "container": ContainerProbe, "http": HttpProbe, "tcp": TcpProbe}


@pytest.mark.parametrize(
    "probe",
    [
        HttpProbe(url="http://localhost/", service="web"),
        TcpProbe(port=1, service="web"),
        ContainerProbe(service="web"),
        CommandProbe(argv=("true",), execute=lambda *_: pytest.fail("not asked"), service="web"),
    ],
)
def test_each_is_a_frozen_probe(probe: Probe) -> None:
    """Every probe tells its service and a name that begins with its kind, and cannot be changed."""
    assert probe.service == "web"
    assert PROBES[probe.name.split()[0]] is type(probe)
    with pytest.raises(AttributeError):
        probe.service = "db"  # type: ignore[misc]


def test_probes_need_only_the_standard_library() -> None:
    """Importing the probes brings in no third-party module."""
    code = (
        "import sys, deploykit.probes\n"
        "print({m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names) - {'deploykit', '__main__'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = eval(done.stdout)
    assert not {name for name in loaded if not name.startswith(("_", "sitecustomize"))}
