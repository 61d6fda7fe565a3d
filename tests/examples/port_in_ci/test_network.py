"""The test of the team: `check_port` comes with samenet, once it is installed beside pytest."""

from pathlib import Path

NETWORK = Path(__file__).with_name("network.py")


def test_our_port_is_the_same_network(check_port):
    check_port(NETWORK, variants=["none", "l2", "dropout"], iterations=200)
