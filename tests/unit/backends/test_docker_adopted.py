"""What is to be known of containers that deploykit has not made."""

from pathlib import Path
from typing import Any

from deploykit.backends.docker.adopted import Policies
from deploykit.backends.engine.containers import Container


def made(name: str, policy: str, limit: int = 0) -> Container:
    said: dict[str, Any] = {"Id": name, "HostConfig": {"RestartPolicy": {"Name": policy, "MaximumRetryCount": limit}}}
    return Container(said)


def test_a_policy_is_remembered(tmp_path: Path) -> None:
    """Across processes; one that has none is not, and does not take the place of what is known."""
    Policies(tmp_path / "x" / "adopted.json").note([made("a", "on-failure", 3), made("b", "no")])
    policies = Policies(tmp_path / "x" / "adopted.json")
    policies.note([made("c", "always")])
    policies.note([made("a", "no")])
    assert [policies.of(one) for one in "abcd"] == ["on-failure:3", "no", "always", "no"]


def test_a_file_that_is_broken_costs_the_policies_alone(tmp_path: Path) -> None:
    """Nothing stops for it."""
    (tmp_path / "adopted.json").write_text("{")
    policies = Policies(tmp_path / "adopted.json")
    assert policies.of("a") == "no"
    policies.note([made("a", "always")])
    assert policies.of("a") == "always"
