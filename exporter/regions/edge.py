"""An edge: what clients of another subnet would reach, seen from here.

Names are resolved as for a client of `subnet`, by EDNS Client Subnet (RFC 7871), at the resolvers that are named; this
machine's hosts file and search domains are not asked. The probe then runs from here to that edge, with the name that
it always uses (SNI, Host). So it shows where people of the subnet are sent and whether that edge answers, not their
way to it.

An answer that is the same for every subnet (scope 0), or does not say for which one it is, claims no region: the
result is `vantage`, as it is when no resolver answers. Whether a name exists does not depend on a subnet (RFC 7871,
7.4): that it does not, or has no address, is `resolve` with the zone's own word for it, its SOA (RFC 2308), whatever
the scope; without one a resolver says so by itself, as those that filter do, which is `vantage`. A control proves that
this line sees the internet, and claims no edge: for it any address serves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from exporter.errors import ProbeError
from exporter.model import CONTROLS, Endpoint, Family, Probe, Reason, Result
from exporter.net import Attempt, subnet
from exporter.net.resolve import as_literal, by_family
from exporter.net.subnet import Word
from exporter.options import IPProtocol, Nameserver, Parsed

SUPPORTS = frozenset({"grpc", "http", "icmp", "tcp", "websocket"})

FAMILIES = (
    Family(
        "probe_edge_info",
        "The edge that clients of the region's subnet are sent to, which resolver says so, for how many bits of it.",
        ("address", "resolver", "scope"),
    ),
)

_LONGEST = {4: 24, 6: 56}
"""Bits of a client's address that resolvers take (RFC 7871, 11.1)."""

_PATIENCE = subnet.WAITS[0]
"""Seconds for which a resolver that answers waits for the word of those named before it."""


def _parse_subnet(found: Any, folder: Path = Path()) -> str:
    try:
        clients = ip_network(str(found))
    except ValueError as error:
        raise ValueError(f"{found!r} is not a subnet such as 203.0.113.0/24 or 2001:db8::/56: {error}") from None
    longest = _LONGEST[clients.version]
    if not 0 < clients.prefixlen <= longest:
        raise ValueError(f"{found!r} must have a length of 1 to {longest}: resolvers take no more of an address")
    return str(clients)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`subnet` is the clients'; `resolvers` are asked at once, and preferred in their order."""

    subnet: Annotated[str, Parsed(_parse_subnet, {"type": "string"})]
    resolvers: tuple[Nameserver, ...]

    def __post_init__(self) -> None:
        if not self.resolvers:
            raise ValueError("resolvers is empty; name one that passes the subnet on, such as 9.9.9.11")


def faults(options: Options, endpoints: Iterable[Endpoint]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Endpoints of which nothing can be said in such a region, as (route within the region, sentence)."""
    for endpoint in endpoints:
        name = f"{endpoint.service}/{endpoint.name}"
        if endpoint.service != CONTROLS and as_literal(_host(endpoint.target)):
            said = f"{name} has an address as its target, which is the same for every subnet"
            yield (), f"{said}; name the other regions under its `regions`"
        if _has_proxy(endpoint.options):
            said = f"{name} goes through a proxy of its own, so that no edge would be reached from here"
            yield (), f"{said}; name the other regions under its `regions`"


def _has_proxy(options: Any) -> bool:
    client = getattr(options, "http_config", options)
    return bool(getattr(client, "proxy_url", None) or getattr(client, "proxy_from_environment", False))


def _host(target: str) -> str:
    """Of a URL, of `host:port`, of a bare host or address."""
    if as_literal(target):
        return target
    return urlsplit(target if "://" in target else f"//{target}").hostname or ""


async def run(endpoint: Endpoint, probe: Probe, options: Options, net: Attempt) -> Result:
    """Probe the edge that clients of the subnet are sent to."""
    names = net.names = _Names(options, net, claims=endpoint.service != CONTROLS)
    try:
        return await probe(endpoint, endpoint.options, net)
    finally:
        await names.end()


class _Names:
    """The resolvers, as `net.names`. With `claims` nothing but a localised answer serves."""

    def __init__(self, options: Options, net: Attempt, claims: bool) -> None:
        self._options = options
        self._net = net
        self._claims = claims
        self._asked: list[tuple[str, list[asyncio.Task[Word]]]] = []

    async def addresses(self, host: str, preferred: IPProtocol, fallback: bool) -> list[str]:
        """The addresses of `host` for clients of the subnet; ProbeError `vantage`, or `resolve` when there are none."""
        if as_literal(host):
            if self._claims:
                raise ProbeError(Reason.VANTAGE, f"{host} is an address, which is the same for every subnet")
            return by_family([host], preferred, fallback)
        self._net.enter("resolve", f"waiting for a resolver to say where {host} is", Reason.VANTAGE)
        words = await self._words(self._ask(host, preferred, fallback))
        for word in words:
            if word.localised:
                return self._take(host, word)
        common = next((word.common for word in words if word.common), ())
        if common and not self._claims:
            return list(common)
        raise _unknown(host, words)

    async def end(self) -> None:
        """Give up what is not answered yet, and make facts of what is."""
        tasks = [task for _, tasks in self._asked for task in tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        said = [(host, task.result()) for host, tasks in self._asked for task in tasks if _has_said(task)]
        self._net.facts["resolvers"] = [
            {"resolver": word.resolver, "name": host, "answer": str(word)} for host, word in said
        ]
        disagreeing = list(_disagreements(said))
        if disagreeing:
            self._net.facts["disagreement"] = disagreeing

    def _ask(self, host: str, preferred: IPProtocol, fallback: bool) -> list[asyncio.Task[Word]]:
        other: IPProtocol = "ip4" if preferred == "ip6" else "ip6"
        families = (preferred, other) if fallback else (preferred,)
        tasks = [
            asyncio.create_task(subnet.word(self._net, resolver, host, families, self._options.subnet))
            for resolver in self._options.resolvers
        ]
        self._asked.append((host, tasks))
        return tasks

    async def _words(self, tasks: Sequence[asyncio.Task[Word]]) -> list[Word]:
        """What is said when it suffices: a localised answer of whom no one is before who might still be prompt, any
        answer at all when the time of the prompt is over, or everything."""
        clock, pending = self._net.clock, set(tasks)
        patience = clock.monotonic() + _PATIENCE
        while pending and not _suffices(tasks, prompt=clock.monotonic() < patience):
            left = patience - clock.monotonic()
            _, pending = await asyncio.wait(
                pending, timeout=left if left > 0 else None, return_when=asyncio.FIRST_COMPLETED
            )
        return [task.result() for task in tasks if task.done()]

    def _take(self, host: str, word: Word) -> list[str]:
        if "edge" not in self._net.facts:
            # As probe_ip_addr_hash, of the target and not of where it redirects to.
            self._net.facts["edge"] = f"{word.localised[0]} of {host} for {self._options.subnet}"
            self._net.samples["probe_edge_info", word.localised[0], word.resolver, str(word.scope)] = 1.0
        return list(word.localised)


def _suffices(tasks: Iterable[asyncio.Task[Word]], prompt: bool) -> bool:
    for task in tasks:
        if not task.done() and prompt:
            return False
        if task.done() and (task.result().localised or not (prompt or task.result().fault)):
            return True
    return False


def _unknown(host: str, words: Sequence[Word]) -> ProbeError:
    """What it means that nobody gave an address that serves."""
    why = next((word.why for word in words if word.why), "")
    if why:
        return ProbeError(Reason.VANTAGE, f"no edge of {host} is known: the resolver's answer {why}")
    missing = next((word.missing for word in words if word.missing), "")
    if missing:
        return ProbeError(Reason.RESOLVE, f"{host} {missing}")
    said = ", ".join(f"a resolver {fault}" for fault in dict.fromkeys(word.fault for word in words))
    return ProbeError(Reason.VANTAGE, f"nobody says where {host} is: {said}")


def _has_said(task: asyncio.Task[Word]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _disagreements(said: Iterable[tuple[str, Word]]) -> Iterator[str]:
    """Resolvers that have no address of a name in common with the first that knows one."""
    firsts: dict[str, Word] = {}
    for host, word in said:
        first = firsts.setdefault(host, word) if word.localised else word
        if not set(word.localised) & set(first.localised) and word.localised:
            yield f"{host} is {first.localised[0]} by {first.resolver}, {word.localised[0]} by {word.resolver}"
