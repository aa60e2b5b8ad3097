"""The network of a process, and one attempt's view of it.

The one seam where probes touch the network: `Attempt` resolves, checks the guard, connects, passes
a proxy and does TLS, and keeps the attempt's deadline, phases, samples and facts, so that they are
there when it fails. Phases are consecutive: entering one ends the one before, and their sum is the
duration. The deadline is computed once and enforced by whoever runs the attempt.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from exporter.errors import ProbeError
from exporter.model import Family, NetworkOptions, Quota, Reason, Result, SampleKey
from exporter.net import proxy, tls
from exporter.net.clock import Clock
from exporter.net.datagram import Datagram, new_socket, open_echo, open_udp
from exporter.net.guard import Guard, Reach
from exporter.net.resolve import Names, Resolver
from exporter.net.stream import Stream, tls_text, translate
from exporter.net.unix import open_unix
from exporter.options import IPProtocol, TLSConfig

FAMILIES = (
    Family("probe_dns_lookup_time_seconds", "How long resolving took."),
    Family("probe_ip_protocol", "4 or 6: the IP protocol of the address in use."),
    Family("probe_ip_addr_hash", "FNV-1a hash of the address in use: it changes when the address does."),
    Family("probe_tcp_round_trip_seconds", "The kernel's smoothed round trip of the last connection."),
    Family("probe_tcp_retransmits", "Segments that the kernel sent again on the last connection."),
    Family("probe_clock_info", "Which clock stamped the first byte: the kernel's or the user's.", ("clock",)),
)

_FNV_OFFSET, _FNV_PRIME = 0x811C9DC5, 0x01000193

Dialled = TypeVar("Dialled")


class Network:
    """What the attempts of one process share: resolver, guard, TLS contexts, clock.

    With `reach` their targets come from strangers: it holds beside what `options` allow and deny, and not for what the
    operator has written down, which is asked aside.
    """

    def __init__(self, options: NetworkOptions, clock: Clock | None = None, reach: Reach | None = None) -> None:
        self.clock = clock or Clock()
        self.resolver = Resolver(options.nameservers)
        self.own_guard = self.guard = Guard(options.allow, options.deny)
        if reach is not None:
            flags = ("--blackbox.allow", "--blackbox.deny")
            self.guard = Guard(reach.allow, reach.deny, flags, beside=self.own_guard, paths=False)
        self.contexts = tls.Contexts(options.ca_file)
        self.quota = options.quota

    def attempt(self, timeout: float) -> Attempt:
        """A new attempt that may take `timeout` seconds from now."""
        return Attempt(self, timeout)


class Attempt:
    """One attempt at (endpoint, region). A region may set `route` and `names`, which hold for all the probe does."""

    def __init__(self, network: Network, timeout: float) -> None:
        self.clock = network.clock
        self.timeout = timeout
        self.started = self.clock.time()
        self.start = self.clock.monotonic()
        self.deadline = self.start + timeout
        self.route: proxy.Route | None = None
        self.names: Names = network.resolver
        self.phases: dict[str, float] = {}
        self.samples: dict[SampleKey, float] = {}
        self.facts: dict[str, Any] = {}
        self._network = network
        self._guard = network.guard
        self._ended = False
        self._phase: str | None = None
        self._since = self.start
        self._on_timeout = Reason.TIMEOUT
        self._doing = "starting"

    @property
    def quota(self) -> Quota:
        """What those who count may be asked."""
        return self._network.quota

    @property
    def contexts(self) -> tls.Contexts:
        """The TLS contexts of the process."""
        return self._network.contexts

    def aside(self) -> Attempt:
        """Another attempt on this network, for what is asked on the way: it has what is left of the time, and its
        phases, samples and facts are its own."""
        beside = Attempt(self._network, max(0.0, self.deadline - self.clock.monotonic()))
        beside._guard = self._network.own_guard
        return beside

    def enter(
        self, phase: str | None, doing: str, on_timeout: Reason = Reason.TIMEOUT, at: float | None = None
    ) -> None:
        """End the phase before and enter `phase`; `at` is a stamp on the monotonic clock, default now.

        `doing` completes the sentence "no answer in time while ...", `on_timeout` is its reason.
        """
        if self._ended:
            return
        now = at if at is not None else self.clock.monotonic()
        if self._phase is not None:
            now = max(now, self._since)
            self.phases[self._phase] = self.phases.get(self._phase, 0.0) + now - self._since
        self._phase, self._since, self._on_timeout, self._doing = phase, now, on_timeout, doing

    def timed_out(self) -> ProbeError:
        """What the passing of the deadline means at this step."""
        return ProbeError(self._on_timeout, f"no answer within {self.timeout:g} s while {self._doing}")

    def result(self, error: ProbeError | None = None, at: float | None = None) -> Result:
        """What came of this attempt: success, or `error`'s reason and sentence."""
        self.end(at)
        return Result(
            ok=error is None,
            reason=error.reason if error else None,
            message=str(error) if error else "",
            started=self.started,
            duration=sum(self.phases.values()),
            phases=self.phases,
            samples=self.samples,
            facts=self.facts,
        )

    def end(self, at: float | None = None) -> None:
        """End the last phase, at `at` or now, so that a prober can make samples of them; a timeout still means what
        it meant in that phase."""
        self.enter(None, self._doing, self._on_timeout, at)
        self._ended = True

    async def resolve(self, host: str, preferred: IPProtocol = "ip6", fallback: bool = True) -> list[str]:
        """The addresses of `host`, the preferred family first; ProbeError `resolve`."""
        self.enter("resolve", f"resolving {host}", Reason.RESOLVE)
        self.samples.setdefault("probe_ip_protocol", 0.0)  # as blackbox_exporter when there is no address
        self.samples.setdefault("probe_ip_addr_hash", 0.0)
        before = self.clock.monotonic()
        try:
            addresses = await self.names.addresses(host, preferred, fallback)
        finally:
            spent = self.clock.monotonic() - before
            known = self.samples.get("probe_dns_lookup_time_seconds", 0.0)
            self.samples["probe_dns_lookup_time_seconds"] = known + spent
        self.enter(None, "choosing an address")
        return addresses

    async def dial(
        self, host: str, port: int, addresses: Sequence[str] = (), source: str | None = None, forward: bool = False
    ) -> Stream:
        """Connect to the first of `addresses` that lets us; ProbeError `connect`, or `vantage` by a proxy's fault.

        Behind a proxy the name is passed on unresolved and `addresses` is not used; with `forward`
        the proxy itself is the peer (an HTTP proxy that takes absolute URLs).
        """
        if self.route is not None:
            self._guard.check_unresolved(host)
            return await self._dial_route(self.route, host, port, forward)
        return await self.first_of(host, addresses, lambda address: self._dial_address(address, port, source))

    async def first_of(self, host: str, addresses: Sequence[str], dial: Callable[[str], Awaitable[Dialled]]) -> Dialled:
        """What `dial` makes of the first of `addresses` that lets us, each in its share of the time."""
        failure: ProbeError | None = None
        for place, address in enumerate(addresses):
            try:
                return await self._within_share(dial(address), address, len(addresses) - place)
            except ProbeError as error:
                failure = failure or error
                if error.reason is Reason.INTERNAL:
                    break
        raise failure or ProbeError(Reason.RESOLVE, f"{host} has no address")

    def dial_unix(self, path: str) -> Stream:
        """Connect to the stream socket at `path` of this machine, guarded; ProbeError `connect`, or `internal` when
        this program may not."""
        self.enter("connect", f"connecting to {path}", Reason.CONNECT)
        self._guard.check_unix(path)
        return open_unix(path, self.clock)

    async def secure(self, stream: Stream, config: TLSConfig, host: str, protocols: tuple[str, ...] = ()) -> None:
        """TLS over `stream`; the session and the certificates become samples, even when they are refused."""
        name = config.server_name or host
        self.enter("tls", f"shaking hands with {stream.peer}", Reason.TLS)
        context = self._network.contexts.get(config, protocols)
        try:
            await stream.start_tls(context, name)
        except (ssl.SSLError, OSError) as error:
            if stream.tls is not None:
                self.note_tls(None, tls.peer_chain(stream.tls, verified=False))
            raise _tls_error(error, stream.peer) from error
        assert stream.tls is not None
        self._note_session(stream.tls, verified=not config.insecure_skip_verify)

    def note_tls(
        self, spoken: tuple[str, str] | None, sent: tuple[bytes, ...], verified: tuple[bytes, ...] = ()
    ) -> None:
        """Take what a handshake told: version and cipher, None when it failed; DER of the certificates that were sent
        and of the chain that was verified."""
        if spoken is not None:
            self.samples.update(tls.session_samples(*spoken))
            self.facts["tls"] = " ".join(spoken)
        self.samples.update(tls.certificate_samples(sent, verified))
        self.facts["certificate"] = tls.describe(sent[0]) if sent else "none"

    def note_datagram(self, socket: Datagram) -> None:
        """Take which clock stamped what came by datagrams."""
        self.samples["probe_clock_info", "kernel" if socket.kernel_clock else "user"] = 1.0

    def note_stream(self, stream: Stream) -> None:
        """Take what the kernel knows of a stream that has done its work."""
        self.samples["probe_clock_info", "kernel" if stream.kernel_clock else "user"] = 1.0
        facts = stream.kernel_facts()
        if facts is not None:
            self.samples["probe_tcp_round_trip_seconds"] = facts.round_trip
            self.samples["probe_tcp_retransmits"] = float(facts.retransmits)

    def note_address(self, address: str) -> None:
        """Take `address` as the one in use; ProbeError `internal` when the guard forbids it."""
        self._guard.check(address)
        packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address.partition("%")[0])
        self.samples["probe_ip_protocol"] = 6.0 if ":" in address else 4.0
        self.samples["probe_ip_addr_hash"] = float(fnv1a(packed))
        self.facts["address"] = address

    def open_udp(self, address: str, port: int, source: str | None = None) -> Datagram:
        """A UDP socket to `address`, guarded."""
        self.note_address(address)
        return open_udp(address, port, source, self.clock)

    def open_echo(self, address: str, source: str | None, hop_limit: int, dont_fragment: bool) -> Datagram:
        """An ICMP echo socket to `address`, guarded."""
        self.note_address(address)
        return open_echo(address, source, hop_limit, dont_fragment, self.clock)

    async def _within_share(self, dialled: Awaitable[Dialled], address: str, left: int) -> Dialled:
        # An address that swallows packets must leave time for the next one.
        if left == 1:
            return await dialled
        try:
            async with asyncio.timeout((self.deadline - self.clock.monotonic()) / left):
                return await dialled
        except TimeoutError as error:
            raise ProbeError(Reason.CONNECT, f"no connection to {address} in its share of the time") from error

    async def _dial_address(self, address: str, port: int, source: str | None) -> Stream:
        peer = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        self.enter("connect", f"connecting to {peer}", Reason.CONNECT)
        self.note_address(address)
        return await self._connect(address, port, peer, source)

    async def _dial_route(self, route: proxy.Route, host: str, port: int, forward: bool) -> Stream:
        self.facts["proxy"] = f"{route.host}:{route.port}"
        self.enter("connect", f"connecting to {route}", Reason.VANTAGE)
        stream = await self._dial_proxy(route)
        self.enter("connect", f"waiting for {route}", Reason.VANTAGE)
        try:
            if not forward:
                await proxy.ask(stream, route, host, port)
                stream.peer = f"{host}:{port} through {route}"
        except ProbeError as error:
            stream.close()
            if error.reason is Reason.CONNECT:
                raise
            raise ProbeError(Reason.VANTAGE, str(error)) from error
        except BaseException:
            stream.close()
            raise
        stream.first_byte_at = None
        return stream

    async def _dial_proxy(self, route: proxy.Route) -> Stream:
        try:
            addresses = await self._network.resolver.addresses(route.host, "ip4", True)
            return await self._connect(addresses[0], route.port, str(route), None)
        except ProbeError as error:
            if error.reason is Reason.INTERNAL:
                raise
            said = str(error).replace(route.host, "its host")
            raise ProbeError(Reason.VANTAGE, f"{route} cannot be reached: {said}") from error

    async def _connect(self, address: str, port: int, peer: str, source: str | None) -> Stream:
        sock = new_socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 0)
        stream = Stream(sock, peer, self.clock)
        try:
            if source:
                sock.bind((source, 0))
            await stream.connect((address, port))
        except OSError as error:
            stream.close()
            raise translate(error, Reason.INTERNAL, f"cannot connect from {source}") from error
        except BaseException:
            stream.close()
            raise
        return stream

    def _note_session(self, session: ssl.SSLSocket, verified: bool) -> None:
        spoken = (session.version() or "", (session.cipher() or ("",))[0])
        chain = tls.peer_chain(session, verified=True) if verified else ()
        self.note_tls(spoken, tls.peer_chain(session, verified=False), chain)


@lru_cache(maxsize=4096)
def fnv1a(data: bytes) -> int:
    """FNV-1a, 32 bits (Fowler, Noll, Vo), as blackbox_exporter hashes an address."""
    value = _FNV_OFFSET
    for byte in data:
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return value


def _tls_error(error: Exception, peer: str) -> ProbeError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return ProbeError(Reason.TLS, f"the certificate of {peer} is refused: {tls_text(error)}")
    if isinstance(error, ssl.SSLError):
        return ProbeError(Reason.TLS, f"no TLS with {peer}: {tls_text(error)}")
    return ProbeError(Reason.TLS, f"{peer} broke off the TLS handshake")
