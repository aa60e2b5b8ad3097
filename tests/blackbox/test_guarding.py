"""`/probe` goes where it may: whatever a target is called, resolves to or redirects to, nobody else is contacted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.blackbox.asked import Asked
from tests.servers.dns import Answer, DNSServer, addresses
from tests.servers.listener import Listener
from tests.servers.origin import Origin, Reply, Request, as_json
from tests.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODULES = {
    "http_2xx": {"prober": "http"},
    "tcp": {"prober": "tcp"},
    "dns": {"prober": "dns", "dns": {"query_name": "shop.example"}},
    "dns_tcp": {"prober": "dns", "dns": {"query_name": "shop.example", "transport_protocol": "tcp"}},
    "icmp": {"prober": "icmp"},
    "grpc": {"prober": "grpc", "grpc": {}},
    "websocket": {"prober": "websocket"},
    "unix": {"prober": "unix"},
    "http3": {"prober": "http", "http": {"enable_http3": True, "enable_http2": False}},
    "tls": {"prober": "dns", "dns": {"query_name": "shop.example", "transport_protocol": "tcp", "dns_over_tls": True}},
}
ZONE = {
    "sly.example": addresses("127.0.0.1"),
    "sly6.example": addresses("::1"),
    "mapped.example": addresses("::ffff:127.0.0.1"),
    "nat64.example": addresses("64:ff9b::7f00:1"),
    "6to4.example": addresses("2002:7f00:1::"),
    "any.example": addresses("0.0.0.0"),
    "metadata.example": addresses("169.254.169.254"),
}
HOSTS = (
    *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "0177.0.0.1", "0x7f.0.0.1", "127.0.1", "0"),
    *("0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]"),
    *("[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1%25lo]", "[::1%25lo]", "localhost", "LOCALHOST.", *ZONE),
    *("169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "10.0.0.1", "192.168.0.1", "224.0.0.1", "127.0.0.1."),
)


class Trap:
    """Listens where nobody may come, by TCP over IPv4 and IPv6 and by UDP, on one port."""

    def __init__(self) -> None:
        self.port = free_port()
        self._listeners = [Listener(self._serve, "127.0.0.1", self.port)]

    async def __aenter__(self) -> Trap:
        for listener in self._listeners:
            listener.open()
        self._datagrams = socket.socket(type=socket.SOCK_DGRAM)
        self._datagrams.bind(("127.0.0.1", self.port))
        self._datagrams.setblocking(False)
        self._streams6 = socket.create_server(("::1", self.port), family=socket.AF_INET6)
        self._streams6.setblocking(False)
        return self

    async def __aexit__(self, *_: object) -> None:
        for listener in self._listeners:
            await listener.aclose()
        self._datagrams.close()
        self._streams6.close()

    def assert_untouched(self) -> None:
        assert self._listeners[0].connections == 0
        with pytest.raises(BlockingIOError):
            self._datagrams.recv(1)
        with pytest.raises(BlockingIOError):
            self._streams6.accept()

    async def _serve(self, connection: socket.socket) -> None:
        connection.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def names() -> AsyncIterator[DNSServer]:
    async with DNSServer(dict(ZONE)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def public(tmp_path_factory: pytest.TempPathFactory, names: DNSServer) -> AsyncIterator[Asked]:
    """With what is on the internet, but for the one address there that c-ares reads in `0177.0.0.1`."""
    network = {"nameservers": [f"127.0.0.1:{names.port}"]}
    async with Asked(
        tmp_path_factory.mktemp("public"), MODULES, ("--blackbox.deny", "177.0.0.1"), network=network
    ) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def trap() -> AsyncIterator[Trap]:
    async with Trap() as running:
        yield running
        running.assert_untouched()


@pytest.mark.parametrize("host", HOSTS)
async def test_what_is_private_is_not_contacted_however_it_is_spelled(public: Asked, trap: Trap, host: str) -> None:
    answers = await asyncio.gather(
        public.probe(f"http://{host}:{trap.port}/"),
        public.probe(f"{host}:{trap.port}", "tcp"),
        public.probe(f"{host}:{trap.port}", "dns"),
        public.probe(f"{host}:{trap.port}", "dns_tcp"),
        public.probe(f"{host}:{trap.port}", "grpc"),
        public.probe(f"ws://{host}:{trap.port}/", "websocket"),
        public.probe(host.strip("[]").replace("%25", "%"), "icmp"),
    )
    for answer in answers:
        assert (answer.status, answer.value("probe_success")) == (200, 0)
        # What spells no address for anybody resolves to nothing.
        assert answer.reason in ("internal", "resolve")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "sly.example", "nat64.example"])
async def test_no_protocol_is_forgotten(public: Asked, trap: Trap, host: str) -> None:
    for module, target in (("http3", f"https://{host}:{trap.port}/"), ("tls", f"{host}:{trap.port}")):
        assert (await public.probe(target, module)).reason == "internal"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "sly.example", "nat64.example"])
async def test_a_refusal_says_by_which_flag(public: Asked, trap: Trap, host: str) -> None:
    answer = await public.probe(f"{host}:{trap.port}", "tcp", debug="true")
    assert "is not in --blackbox.allow, so it was not contacted" in answer.text


async def test_what_stands_behind_an_address_makes_it_a_name_and_libc_is_not_asked_for_it(public: Asked) -> None:
    for module in ("tcp", "dns", "dns_tcp", "grpc", "http_2xx"):
        answer = await public.probe("8.8.8.8%zone.example:80", module, debug="true")
        assert "resolve: cannot resolve 8.8.8.8%zone.example" in answer.text


async def test_a_socket_of_this_machine_is_not_contacted(public: Asked, tmp_path: Path) -> None:
    with listening(tmp_path / "socket") as waiting:
        answer = await public.probe(str(tmp_path / "socket"), "unix", debug="true")
        assert "'unix' is not in --blackbox.allow" in answer.text
        with pytest.raises(BlockingIOError):
            waiting.accept()


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.bind(str(path))
        waiting.listen()
        waiting.setblocking(False)
        yield waiting


class Rebinding(dict[str, Answer]):
    """A zone in which `turncoat.example` is another address each time that somebody asks for its A records anew."""

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self._answers = answers
        self.lookups = 0

    def get(self, name: str, default: object = None) -> Answer:  # type: ignore[override]
        if name != "turncoat.example":
            return Answer()
        # A and AAAA are asked for at once: both belong to one lookup.
        self.lookups += 1
        return addresses(self._answers[min((self.lookups - 1) // 2, len(self._answers) - 1)])


ALLOWED, REBOUND = "127.0.0.2", "127.0.0.3"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def zone() -> Rebinding:
    return Rebinding(ALLOWED, REBOUND)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy() -> AsyncIterator[Origin]:
    async with Origin(lambda request: Reply(b"by the proxy")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def issuer() -> AsyncIterator[Origin]:
    token = as_json({"access_token": "token", "token_type": "Bearer", "expires_in": 3600})
    async with Origin(lambda request: token) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def narrow(
    tmp_path_factory: pytest.TempPathFactory, zone: Rebinding, proxy: Origin, issuer: Origin
) -> AsyncIterator[Asked]:
    """With one address allowed, and sockets of this machine."""
    by_proxy = {"proxy_url": proxy.url, "preferred_ip_protocol": "ip4"}
    oauth = {"client_id": "me", "client_secret": "pssst", "token_url": f"{issuer.url}/token"}
    modules = MODULES | {
        "proxied": {"prober": "http", "http": by_proxy},
        "unresolved": {"prober": "http", "http": {**by_proxy, "skip_resolve_phase_with_proxy": True}},
        "oauth": {"prober": "http", "http": {"oauth2": oauth}},
    }
    flags = ("--blackbox.allow", f"{ALLOWED}/32", "--blackbox.allow", "127.0.0.8/30", "--blackbox.allow", "unix")
    flags += ("--blackbox.deny", "127.0.0.9/32")
    async with DNSServer(zone) as names:
        network = {"nameservers": [f"127.0.0.1:{names.port}"]}
        async with Asked(tmp_path_factory.mktemp("narrow"), modules, flags, network=network) as running:
            yield running


async def test_what_is_allowed_is_contacted_and_nothing_else(narrow: Asked, trap: Trap) -> None:
    async with Origin(lambda request: Reply(), address=ALLOWED) as origin:
        assert (await narrow.probe(origin.url)).value("probe_success") == 1
        assert origin.connections == 1
    for target in (f"http://127.0.0.1:{trap.port}", "http://8.8.8.8", "http://[2606:4700:4700::1111]"):
        assert (await narrow.probe(target)).reason == "internal"


async def test_what_is_denied_is_not_contacted_though_it_is_allowed(narrow: Asked) -> None:
    async with Origin(lambda request: Reply(), address="127.0.0.9") as origin:
        answer = await narrow.probe(origin.url, debug="true")
        assert "127.0.0.9 is in --blackbox.deny" in answer.text
        assert origin.connections == 0


async def test_a_redirect_leads_nobody_astray(narrow: Asked, trap: Trap, zone: Rebinding) -> None:
    there = [f"http://{host}:{trap.port}/" for host in ("127.0.0.1", "2130706433", "0177.0.0.1", "[::1]", "localhost")]

    def answer(request: Request) -> Reply:
        return Reply(status=302, headers={"Location": there[int(request.path[1:])]})

    async with Origin(answer, address=ALLOWED) as origin:
        for number in range(len(there)):
            answered = await narrow.probe(f"{origin.url}/{number}")
            assert answered.reason in ("internal", "resolve")
            assert answered.value("probe_http_redirects") == 1
        assert origin.connections == len(there)


async def test_a_name_that_changes_its_mind_is_judged_by_what_is_connected_to(narrow: Asked, zone: Rebinding) -> None:
    zone.lookups = 0
    async with Origin(lambda request: Reply(), address=ALLOWED) as origin:
        port = origin.url.rpartition(":")[2]
        again = Reply(status=302, headers={"Location": f"http://turncoat.example:{port}/again"})
        origin.answer = lambda request: again
        tempting = Listener(hang_up, REBOUND, int(port))
        tempting.open()
        try:
            answer = await narrow.probe(f"http://turncoat.example:{port}/", debug="true")
        finally:
            await tempting.aclose()
        assert origin.connections == 1, "the first answer is allowed"
        assert f"{REBOUND} is not in --blackbox.allow" in answer.text, "the second is not"
        assert tempting.connections == 0


async def hang_up(connection: socket.socket) -> None:
    connection.close()


async def test_a_proxy_is_the_operators_own_and_what_is_behind_it_is_guarded(
    narrow: Asked, proxy: Origin, trap: Trap
) -> None:
    assert (await narrow.probe(f"http://{ALLOWED}:{trap.port}/", "proxied")).value("probe_success") == 1
    assert (await narrow.probe("http://elsewhere.example/", "unresolved")).value("probe_success") == 1
    before = proxy.connections
    for host in ("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"):
        for module in ("proxied", "unresolved"):
            assert (await narrow.probe(f"http://{host}:{trap.port}/", module)).reason == "internal"
    for host in ("localhost", "127.1", "2130706433", "0x7f.1"):
        assert (await narrow.probe(f"http://{host}:{trap.port}/", "unresolved")).reason == "internal"
    assert proxy.connections == before


async def test_a_redirect_behind_a_proxy_is_guarded_as_far_as_it_says_where_it_leads(
    narrow: Asked, proxy: Origin, trap: Trap
) -> None:
    proxy.answer = lambda request: Reply(status=302, headers={"Location": f"http://127.1:{trap.port}/"})
    before = proxy.connections
    assert (await narrow.probe(f"http://{ALLOWED}/", "proxied")).reason == "internal"
    assert proxy.connections == before + 1


async def test_a_token_is_fetched_where_the_operator_says(narrow: Asked, issuer: Origin) -> None:
    async with Origin(lambda request: Reply(), address=ALLOWED) as origin:
        assert (await narrow.probe(origin.url, "oauth")).value("probe_success") == 1
        assert origin.requests[0].headers["authorization"] == "Bearer token"
    assert (await narrow.probe(issuer.url)).reason == "internal"


async def test_a_socket_of_this_machine_is_contacted_when_that_is_allowed(narrow: Asked, tmp_path: Path) -> None:
    with listening(tmp_path / "socket"):
        assert (await narrow.probe(str(tmp_path / "socket"), "unix")).value("probe_success") == 1
