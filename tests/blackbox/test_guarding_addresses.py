"""Which addresses are on the internet, and what hides in those that are not what they seem."""

from __future__ import annotations

import pytest

from exporter.errors import ProbeError
from exporter.model import NetworkOptions, Reason
from exporter.net import Network, Reach, check_reach
from exporter.net.guard import Guard, spelled

PUBLIC = ("8.8.8.8", "198.51.101.1", "2606:4700:4700::1111", "2a00:1450::1", "64:ff9b::808:808", "::ffff:8.8.8.8")
PRIVATE = (
    *("127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "192.0.2.1", "203.0.113.9"),
    *("224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "168.63.129.16"),
    *("::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:10.0.0.1", "::ffff:a00:1", "::ffff:0.0.0.0", "::10.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::10.0.0.1"),
    *("64:ff9b::", "64:ff9b:1::8.8.8.8", "2002:a00:1::", "2002:7f00:1::1", "2002::1", "100::1", "5f00::1"),
    *("2001:0:a00:1::f7f7:f7f7", "2001:0:808:808::f5ff:fffe", "2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:a00:1"),
)  # fmt: skip
"""The last four: Teredo by its server and by its client, and ISATAP with both of its prefixes."""


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_on_the_internet_is_public(address: str) -> None:
    Guard(("public",)).check(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_or_leads_elsewhere_is_not_public(address: str) -> None:
    with pytest.raises(ProbeError) as refused:
        Guard(("public",)).check(address)
    assert refused.value.reason is Reason.INTERNAL


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "::10.0.0.1", "::ffff:0:10.0.0.1"]
)
def test_a_network_that_is_allowed_is_so_in_clothes_too(address: str) -> None:
    Guard(("10.0.0.0/8",)).check(address)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::", "2001:0:a00:1::", "2606:4700::5efe:10.0.0.1"]
)
@pytest.mark.parametrize("allow", [(), ("public",), ("0.0.0.0/0", "::/0")])
def test_a_network_that_is_denied_is_so_wherever_it_hides(address: str, allow: tuple[str, ...]) -> None:
    with pytest.raises(ProbeError, match=r"in network\.deny|not in network\.allow"):
        Guard(allow, ("10.0.0.0/8",)).check(address)


def test_with_any_network_allowed_only_those_are() -> None:
    guard = Guard(("10.0.0.0/8", "public"))
    guard.check("10.9.9.9")
    guard.check("8.8.8.8")
    for address in ("192.168.0.1", "::1"):
        with pytest.raises(ProbeError):
            guard.check(address)
    with pytest.raises(ProbeError):
        Guard(("10.0.0.0/8",)).check("8.8.8.8")


def test_who_names_a_network_of_tunnels_allows_what_they_lead_to() -> None:
    Guard(("64:ff9b::/96",)).check("64:ff9b::10.0.0.1")


def test_a_refusal_names_the_flag_or_key_that_refuses() -> None:
    network = Network(
        NetworkOptions(deny=("192.0.2.0/24",)), reach=Reach(("192.0.2.0/24", "10.0.0.0/8"), ("10.1.0.0/16",))
    )
    for address, name in (
        ("192.0.2.1", "network.deny"),
        ("10.1.1.1", "--blackbox.deny"),
        ("8.8.8.8", "not in --blackbox.allow"),
    ):
        with pytest.raises(ProbeError, match=name):
            network.guard.check(address)


def test_sockets_of_this_machine_are_for_the_schedule_and_for_those_who_allow_them() -> None:
    Guard(("10.0.0.0/8",)).check_unix("/run/x")
    Network(NetworkOptions(), reach=Reach(("unix",))).guard.check_unix("/run/x")
    for reach in (Reach(), Reach(("10.0.0.0/8",)), Reach(("0.0.0.0/0", "::/0"))):
        with pytest.raises(ProbeError, match=r"'unix' is not in --blackbox\.allow"):
            Network(NetworkOptions(), reach=reach).guard.check_unix("/run/x")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        *[(host, "127.0.0.1") for host in ("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1")],
        *[(host, "127.0.0.1") for host in ("localhost", "LOCALHOST.", "a.localhost", "127.0.0.1.")],
        *[("::1", "::1"), ("fe80::1%eth0", "fe80::1"), ("0", "0.0.0.0"), ("10.1", "10.0.0.1")],
        *[(host, None) for host in ("example.org", "127.0.0.1.example", "0x7f.example", "", "1 2", "\N{SNOWMAN}")],
    ],
)  # fmt: skip
def test_a_host_that_only_a_proxy_resolves_is_read_as_libc_would(host: str, address: str | None) -> None:
    assert spelled(host) == address


@pytest.mark.parametrize("text", ["public", "unix", "10.0.0.0/8", "2001:db8::/32", "192.0.2.1"])
def test_what_may_be_reached_is_a_network_or_a_word(text: str) -> None:
    assert check_reach(text) == text


@pytest.mark.parametrize("text", ["private", "10.0.0.1/8", "", "10.0.0.0/33", "example.org"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear|has host bits"):
        check_reach(text)
