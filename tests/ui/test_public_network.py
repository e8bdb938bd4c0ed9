"""Which addresses belong to the public internet, and connections that end in time."""

import threading
import time
from collections.abc import Iterator

import httpcore
import pytest
from web_server import WebServer, answer, web_server

from popscore.ui.kit.public_network import Deadline, NotPublic, PublicNetwork, TimeIsUp, is_public, resolve


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.1", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
        "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1",
        "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250",
        "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8",
        "100::1", "2001::1", "2001:0:7f00:1::", "2001:10::1", "2001:2::1", "2001:db8::1", "2002:7f00:1::",
        "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1",
        "ff02::1", "4000::1",
        "", "localhost", "127.1", "0x7f.0.0.1", "2130706433", "1.2.3.4.5", "8.8.8.8 ", "08.8.8.8",
    ],
)  # fmt: skip
def test_what_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.0.1.1", "223.255.255.255",
        "2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808",
    ],
)  # fmt: skip
def test_what_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0"])
def test_no_way_of_writing_this_machine_is_public(host: str) -> None:
    with pytest.raises(NotPublic):
        PublicNetwork(Deadline(5)).connect_tcp(host, 80)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 300 + ".example", "a..b", ""])
def test_a_name_that_nobody_knows_reads_like_one_that_is_not_public(host: str) -> None:
    with pytest.raises(NotPublic):
        PublicNetwork(Deadline(20)).connect_tcp(host, 80)


def test_one_address_that_is_not_public_is_enough(server: WebServer) -> None:
    network = PublicNetwork(Deadline(5), lambda *_: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(NotPublic):
        network.connect_tcp("both.example", server.port)


def test_the_connection_goes_to_the_address_that_was_checked(server: WebServer) -> None:
    """A name server that answers 127.0.0.1 the second time is asked only once."""
    asked: list[str] = []

    def find(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    network = PublicNetwork(Deadline(5), find, lambda address: address == "127.0.0.2")
    with pytest.raises(httpcore.ConnectError):  # the server listens on 127.0.0.1, where a second answer would lead
        network.connect_tcp("rebound.example", server.port)
    assert asked == ["rebound.example"]


def test_the_next_address_is_tried(server: WebServer) -> None:
    network = PublicNetwork(Deadline(5), lambda *_: ["127.0.0.2", "127.0.0.1"], lambda _: True)
    server.answers["/"] = answer(b"here")
    with httpcore.ConnectionPool(network_backend=network) as pool:
        assert pool.request("GET", f"http://two.example:{server.port}/").content == b"here"


def test_a_name_server_that_does_not_answer_ends_in_time() -> None:
    silent = threading.Event()

    def find(host: str, port: int) -> list[str]:
        silent.wait(30)
        return []

    began_s = time.monotonic()
    with pytest.raises(TimeIsUp):
        PublicNetwork(Deadline(0.2), find).connect_tcp("slow.example", 80)
    assert time.monotonic() - began_s < 5
    silent.set()


def test_the_system_is_asked_for_names() -> None:
    assert "127.0.0.1" in resolve("127.0.0.1", 80)
    with pytest.raises(OSError, match=r"."):
        resolve("no-such-host.invalid", 80)


def test_time_is_up() -> None:
    assert 0 < Deadline(5).left_s() <= 5
    with pytest.raises(TimeIsUp):
        Deadline(0).left_s()
