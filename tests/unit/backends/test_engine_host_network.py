"""Docker's containers as instances."""

import pytest

from deploykit.backends.engine.containers import Container, instance_of


@pytest.mark.parametrize(
    ("networks", "address"),
    [
        ({"none": {"IPAddress": ""}}, None),
        ({"shop_default": {"IPAddress": "172.18.0.2"}}, "172.18.0.2"),
        ({"empty": {"IPAddress": ""}, "shop_default": {"IPAddress": "172.18.0.2"}}, "172.18.0.2"),
        ({"host": {"IPAddress": ""}}, "127.0.0.1"),
    ],
)
def test_the_address_of_a_container(networks: dict[str, object], address: str | None) -> None:
    """It is one of its own networks, and this machine's own where it shares the machine's network."""
    told = {"State": {"Status": "running"}, "NetworkSettings": {"Networks": networks}}

    assert instance_of(Container(told)).address == address
