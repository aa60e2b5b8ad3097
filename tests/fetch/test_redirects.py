"""Redirects: followed by hand, each hop looked at, and none into the operator's own network."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.errors import SignalError
from exporter.readings import Fault
from tests.fetch.fetching import failure, fetching, named
from tests.servers.certificates import Authority
from tests.servers.dns import addresses
from tests.servers.origin import Origin, Reply, Request


def to(location: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"Location": location})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(status: int) -> None:
    def answer(request: Request) -> Reply:
        return Reply(b"[]") if request.path == "/new" else to("/new", status)

    async with Origin(answer) as origin, fetching() as fetch:
        found = await fetch.get(f"{origin.url}/old", params={"a": "1"})
    assert (found.body, found.url) == (b"[]", f"{origin.url}/new")


async def test_five_redirects_are_followed_and_no_sixth() -> None:
    def answer(request: Request) -> Reply:
        left = int(request.path[1:])
        return to(f"/{left - 1}") if left else Reply(b"[]")

    async with Origin(answer) as origin, fetching() as fetch:
        assert (await fetch.get(f"{origin.url}/5")).body == b"[]"
        error = await failure(fetch.get(f"{origin.url}/6"))
    assert (error.fault, str(error)) == (Fault.REDIRECT, f"{origin.url[7:]} redirects more than 5 times")


async def test_a_redirect_that_leads_nowhere_is_a_status() -> None:
    async with Origin(lambda request: Reply(status=302)) as origin, fetching() as fetch:
        assert (await failure(fetch.get(origin.url))).fault is Fault.STATUS


async def led(location: str, **network: object) -> SignalError:
    """What comes of a redirect to `location` from the configured host."""
    async with Origin(lambda request: to(location)) as origin, fetching(**network) as fetch:
        return await failure(fetch.get(origin.url))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.2",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[fc00::1]",
        "[::ffff:10.0.0.1]",
        "[::ffff:7f00:2]",
        "[::10.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "[2002:a00:1::]",
        "[2001:0:4136:e378:8000:63bf:f5ff:fffe]",
    ],
)
async def test_a_redirect_to_an_address_that_is_not_on_the_internet_is_not_followed(host: str) -> None:
    error = await led(f"http://{host}:1/")
    assert error.fault is Fault.REDIRECT
    assert "which is not on the internet" in str(error)


@pytest.mark.parametrize("host", ["2130706434", "0x7f000002", "0177.0.0.2", "127.2", "127.0.0.2.", "0", "0x7f.0.0.2"])
async def test_a_redirect_to_an_address_in_disguise_is_not_followed(host: str) -> None:
    error = await led(f"http://{host}:1/")
    assert error.fault is Fault.REDIRECT


@pytest.mark.parametrize("inside", [("10.0.0.1",), ("::1",), ("93.184.216.34", "10.0.0.1"), ("::ffff:10.0.0.1",)])
async def test_a_redirect_to_a_name_of_the_own_network_is_not_followed(inside: tuple[str, ...]) -> None:
    async with named({"inside.example": addresses(*inside)}) as nameservers:
        error = await led("http://inside.example:1/", nameservers=nameservers)
    assert error.fault is Fault.REDIRECT
    assert "inside.example" in str(error)


async def test_the_configured_host_may_be_in_the_own_network_also_in_a_redirect_to_itself() -> None:
    async with (
        Origin(lambda request: Reply(b"[]")) as other,
        Origin(lambda request: to(other.url)) as origin,
        fetching() as fetch,
    ):
        assert (await fetch.get(origin.url)).body == b"[]"


async def test_a_redirect_into_a_network_that_is_allowed_is_followed() -> None:
    async with (
        Origin(lambda request: Reply(b"[]"), address="127.0.0.2") as other,
        Origin(lambda request: to(other.url)) as origin,
        fetching(allow=("127.0.0.0/8",)) as fetch,
    ):
        assert (await fetch.get(origin.url)).body == b"[]"


async def test_a_network_that_is_denied_is_not_asked() -> None:
    async with Origin(lambda request: Reply(b"[]"), address="127.0.0.2") as origin:
        async with fetching(deny=("127.0.0.2/32",)) as fetch:
            direct = await failure(fetch.get(origin.url))
        redirected = await led(origin.url, allow=("127.0.0.0/8",), deny=("127.0.0.2/32",))
        async with (
            named({"denied.example": addresses("127.0.0.2")}) as nameservers,
            fetching(nameservers=nameservers, deny=("127.0.0.2/32",)) as fetch,
        ):
            by_name = await failure(fetch.get("http://denied.example/"))
    assert (direct.fault, str(direct)) == (
        Fault.UNREACHABLE,
        "127.0.0.2 is in network.deny, so it was not contacted",
    )
    assert redirected.fault is Fault.REDIRECT
    assert by_name.fault is Fault.UNREACHABLE
    assert origin.connections == 0


async def test_of_several_addresses_those_that_are_denied_are_left_out() -> None:
    async with (
        Origin(lambda request: Reply(b"[]"), host="both.example") as origin,
        named({"both.example": addresses("127.0.0.2", "127.0.0.1")}) as nameservers,
        fetching(nameservers=nameservers, deny=("127.0.0.2/32",)) as fetch,
    ):
        assert (await fetch.get(origin.url)).body == b"[]"


@pytest.mark.parametrize("location", ["ftp://example.org/", "file:///etc/passwd", "http://[::1", "data:text/plain,[]"])
async def test_a_redirect_off_the_web_is_not_followed(location: str) -> None:
    error = await led(location)
    assert (error.fault, str(error).split(" ", 1)[1]) == (Fault.REDIRECT, "redirects to what is not on the web")


async def test_a_redirect_from_https_to_http_is_not_followed(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with (
        Origin(lambda request: Reply(b"[]")) as plain,
        Origin(lambda request: to(plain.url), tls=authority.leaf("127.0.0.1").server_context()) as origin,
        fetching(ca_file=str(authority.file)) as fetch,
    ):
        error = await failure(fetch.get(origin.url))
    assert (error.fault, plain.connections) == (Fault.REDIRECT, 0)
    assert str(error).endswith("redirects from https to http")


async def test_credentials_stay_with_the_host_they_are_for() -> None:
    async with Origin(lambda request: Reply(b"[]")) as other:
        place = other.url.replace("://", "://somebody:secret@")
        async with Origin(lambda request: to(place)) as origin, fetching() as fetch:
            await fetch.get(origin.url, headers={"Authorization": "Bearer t0ken"})
    assert origin.requests[0].headers["authorization"] == "Bearer t0ken"
    assert "authorization" not in other.requests[0].headers
