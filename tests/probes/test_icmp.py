"""The icmp kind: echoes on loopback, and errors from a router in a network namespace of its own."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.model import NetworkOptions, Reason
from exporter.net import Network
from exporter.probes import icmp
from tests.probes.blackbox import assert_same, blackbox
from tests.probing import needs, probe

PING_GROUPS = Path("/proc/sys/net/ipv4/ping_group_range")


def icmp_is_allowed() -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except OSError:
            continue
        return True
    return False


pytestmark = pytest.mark.skipif(not icmp_is_allowed(), reason="ICMP is not allowed here")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_an_echo_comes_back_with_the_time_of_its_arrival(address: str) -> None:
    result = await probe("icmp", address)
    assert result.ok, result.message
    assert set(result.phases) == {"resolve", "setup", "rtt"}
    assert 0.0 < result.phases["rtt"] < 0.1
    for phase, seconds in result.phases.items():
        assert result.samples["probe_icmp_duration_seconds", phase] == seconds
    assert result.samples["probe_icmp_reply_hop_limit"] == 64.0


@pytest.mark.parametrize("size", [1, 7, 8, 28, 1400, 60000])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_payloads_of_every_size_come_back(address: str, size: int) -> None:
    result = await probe("icmp", address, payload_size=size, dont_fragment=size < 1500)
    assert result.ok, result.message


def test_a_payload_has_the_size_that_was_asked_for() -> None:
    for size in (1, 16, 17, 60000):
        assert len(icmp._payload(size)) == size
    assert icmp._payload(40) != icmp._payload(40)


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x45\x00\x00\x73\x00\x00\x40\x00\x40\x11", bytes(range(255)) * 256])
def test_a_message_with_its_checksum_sums_to_zero(data: bytes) -> None:
    even = data + b"\0" * (len(data) % 2)
    assert icmp.checksum(even + struct.pack("!H", icmp.checksum(data))) == 0


async def test_many_at_once_take_nobody_elses_echo() -> None:
    results = await asyncio.gather(*(probe("icmp", "127.0.0.1", payload_size=2) for _ in range(100)))
    assert all(result.ok for result in results)


async def test_an_echo_of_another_program_is_passed_over() -> None:
    net = Network(NetworkOptions()).attempt(5.0)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        async with net.open_echo("127.0.0.1", None, 64, False) as echo:
            if not echo.privileged:
                pytest.skip("the kernel sorts the replies for a datagram socket")
            ours = icmp._echo(False, b"our payload")
            for wrong in (ours[:4] + b"\0\0" + ours[6:], ours[:-1] + b"?"):
                other.sendto(b"\0\0\0\0" + wrong[4:], ("127.0.0.1", 0))
            sent = echo.send(ours)
            arrived = await icmp._reply(echo, False, ours)
    assert arrived.at >= sent
    assert arrived.data.endswith(ours[4:])


async def test_a_source_address_that_is_not_ours_is_our_own_fault() -> None:
    result = await probe("icmp", "127.0.0.1", source_ip_address="198.51.100.1")
    assert result.reason is Reason.INTERNAL
    result = await probe("icmp", "127.0.0.1", source_ip_address="::1")
    assert result.reason is Reason.INTERNAL
    assert (await probe("icmp", "127.0.0.1", source_ip_address="127.3.3.3")).ok


@pytest.mark.parametrize("target", ["", "a b", "host:80", "http://host", "[::1]"])
def test_a_target_that_is_no_host_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="is not a host name or an address"):
        icmp.check_target(target)


@pytest.mark.parametrize("target", ["example.org", "127.0.0.1", "::1", "fe80::1%eth0", "localhost"])
def test_a_target_is_a_host_name_or_an_address(target: str) -> None:
    icmp.check_target(target)


async def test_the_same_module_gives_what_blackbox_exporter_gives(tmp_path: Path) -> None:
    blocks: dict[str, dict[str, Any]] = {
        "plain": {},
        "ip4": {"preferred_ip_protocol": "ip4", "ip_protocol_fallback": False},
        "large": {"payload_size": 9000},
        "whole": {"dont_fragment": True},
        "hops": {"ttl": 3},
    }
    modules = {name: {"prober": "icmp", "timeout": "1s", "icmp": block} for name, block in blocks.items()}
    async with blackbox(tmp_path, modules) as theirs:
        for name, block in blocks.items():
            for target in ("127.0.0.1", "::1"):
                result = await probe("icmp", target, **block)
                expected = await theirs(name, target)
                try:
                    assert_same("icmp", expected, result, icmp.Options(**block))
                except AssertionError as error:
                    error.add_note(f"module {name}, target {target}: {result.message}")
                    raise


NETWORK = """
netns add {0}-here; netns add {0}-router; netns add {0}-there
netns exec {0}-here sysctl -qw net.ipv6.conf.default.accept_dad=0
netns exec {0}-router sysctl -qw net.ipv6.conf.default.accept_dad=0
netns exec {0}-there sysctl -qw net.ipv6.conf.default.accept_dad=0
link add near netns {0}-here type veth peer name rnear netns {0}-router
link add far netns {0}-there type veth peer name rfar netns {0}-router
-n {0}-here addr add 10.77.1.2/24 dev near; -n {0}-router addr add 10.77.1.1/24 dev rnear
-n {0}-there addr add 10.77.2.2/24 dev far; -n {0}-router addr add 10.77.2.1/24 dev rfar
-n {0}-here addr add fd77:1::2/64 dev near nodad; -n {0}-router addr add fd77:1::1/64 dev rnear nodad
-n {0}-there addr add fd77:2::2/64 dev far nodad; -n {0}-router addr add fd77:2::1/64 dev rfar nodad
-n {0}-here link set near up; -n {0}-router link set rnear up
-n {0}-there link set far up; -n {0}-router link set rfar up
-n {0}-here route add default via 10.77.1.1; -n {0}-there route add default via 10.77.2.1
-n {0}-here route add default via fd77:1::1; -n {0}-there route add default via fd77:2::1
-n {0}-router route add unreachable 10.77.9.0/24; -n {0}-router route add unreachable fd77:9::/64
netns exec {0}-router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
"""
PROBE = """
import asyncio, json, sys
from tests.probing import probe
async def main():
    results = [await probe("icmp", target, within=2.0, ttl=ttl) for target, ttl in json.loads(sys.argv[1])]
    print(json.dumps([[r.ok, r.reason, r.message, r.samples.get("probe_icmp_reply_hop_limit")] for r in results]))
asyncio.run(main())
"""


@pytest.fixture
def routed(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a network namespace with a router before the rest of its world."""
    ip, name = needs("ip"), f"outage-test-{os.getpid()}"
    lines = [line for line in NETWORK.format(name).replace(";", "\n").splitlines() if line.strip()]
    try:
        for line in lines:
            done = subprocess.run([ip, *line.split()], capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"no network namespaces here: ip {line.strip()}: {done.stderr.strip()[:200]}")
        yield f"{name}-here"
    finally:
        for side in ("here", "router", "there"):
            subprocess.run([ip, "netns", "del", f"{name}-{side}"], capture_output=True, check=False)


@pytest.mark.parametrize("groups", ["1 0", "0 2147483647"], ids=["raw socket", "datagram socket"])
def test_what_routers_say_is_connect_and_names_them(routed: str, groups: str) -> None:
    cases = [
        ("10.77.2.2", 64, True, None, ""),
        ("10.77.2.2", 1, False, "connect", "no answer from 10.77.2.2, 10.77.1.1 says hop limit exceeded: "),
        ("10.77.9.9", 64, False, "connect", "no answer from 10.77.9.9, 10.77.1.1 says unreachable: "),
        ("fd77:2::2", 64, True, None, ""),
        ("fd77:2::2", 1, False, "connect", "no answer from fd77:2::2, fd77:1::1 says hop limit exceeded: "),
        ("fd77:9::9", 64, False, "connect", "no answer from fd77:9::9, fd77:1::1 says unreachable: "),
    ]
    asked = json.dumps([(target, ttl) for target, ttl, *_ in cases])
    inside = ["ip", "netns", "exec", routed]
    subprocess.run([*inside, "sysctl", "-qw", f"net.ipv4.ping_group_range={groups}"], check=True)
    done = subprocess.run([*inside, sys.executable, "-c", PROBE, asked], capture_output=True, text=True, check=True)
    for case, (ok, reason, message, hop_limit) in zip(cases, json.loads(done.stdout), strict=True):
        target, _, expected_ok, expected_reason, beginning = case
        assert (ok, reason) == (expected_ok, expected_reason), (target, message)
        assert message.startswith(beginning)
        assert hop_limit == (63.0 if ok else None)
