"""TCP: connect, optionally TLS, then a dialogue of expect and send.

Options, labels and metrics are those of blackbox_exporter's tcp prober. A refused or unanswered
connection is `connect`; an expectation that is not met in time, or before the peer closes, is
`body`; a connection that breaks is `protocol`. Phases: resolve, connect, tls, dialogue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from exporter import dialogue
from exporter import net as network
from exporter.dialogue import Step
from exporter.model import Endpoint, Family, Result
from exporter.net import Attempt
from exporter.options import IPProtocol, TLSConfig

FAMILIES = (*dialogue.FAMILIES, *network.FAMILIES, *dialogue.TLS_FAMILIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """blackbox_exporter's keys, and `addresses`: `one`, `any` (the next when one does not connect), `all` (each)."""

    preferred_ip_protocol: IPProtocol = "ip6"
    ip_protocol_fallback: bool = True
    source_ip_address: str | None = None
    tls: bool = False
    tls_config: TLSConfig = TLSConfig()
    query_response: tuple[Step, ...] = ()
    addresses: Literal["one", "any", "all"] = "one"


def check_target(target: str) -> None:
    """ValueError unless `target` is `host:port`, an IPv6 address in brackets."""
    split_target(target)


def split_target(target: str) -> tuple[str, int]:
    """Host and port."""
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.%\w]+)\]|([^\[\]:/@\s]+)):(\d{1,5})", target)
    if not match or not 1 <= int(match[3]) <= 65535:
        raise ValueError(f"{target!r} is not host:port; write example.org:443 or [2001:db8::1]:443")
    return match[1] or match[2], int(match[3])


def check_labels(options: Options) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with labels where ours stand beside them: each mistake's route in this block, and a sentence."""
    yield from ((("query_response", *route), said) for route, said in dialogue.check_labels(options.query_response))


def families(options: Options) -> tuple[Family, ...]:
    """FAMILIES, and `probe_expect_info` with the labels that these options give it."""
    return (*FAMILIES, *dialogue.families(options.query_response))


async def probe(endpoint: Endpoint, options: Options, net: Attempt) -> Result:
    """Hold the dialogue with one address of the target, or with each."""
    host, port = split_target(endpoint.target)
    net.samples |= {"probe_failed_due_to_regex": 0.0, "probe_failed_due_to_bytes": 0.0}
    if net.route is not None:
        await _talk(net, options, host, port, ())
        return net.result()
    addresses = await net.resolve(host, options.preferred_ip_protocol, options.ip_protocol_fallback)
    if options.addresses == "all":
        for address in addresses:
            await _talk(net, options, host, port, (address,))
    else:
        await _talk(net, options, host, port, addresses if options.addresses == "any" else addresses[:1])
    return net.result()


async def _talk(net: Attempt, options: Options, host: str, port: int, addresses: Sequence[str]) -> None:
    async with await net.dial(host, port, addresses, options.source_ip_address) as stream:
        protect = partial(dialogue.secure, net, stream, options.tls_config, host)
        try:
            if options.tls:
                await protect()
            await dialogue.hold(net, stream, options.query_response, protect)
        finally:
            net.note_stream(stream)
