"""Unix: a stream socket of this machine by its path, optionally TLS, then a dialogue of expect and send.

Options and metrics are those of blackbox_exporter's unix prober, the dialogue that of tcp. A path where nothing is,
where nobody listens or that is no socket is `connect`, one that this program may not use `internal`; an expectation
that is not met in time, or before the peer closes, is `body`; a connection that breaks is `protocol`. There is no
address, so there are no metrics of one. A certificate names no path: TLS needs a `server_name`, or nothing verified.
Phases: connect, tls, dialogue.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exporter import dialogue
from exporter.dialogue import Step
from exporter.errors import ProbeError
from exporter.model import Endpoint, Family, Reason, Result
from exporter.net import Attempt, Stream
from exporter.net.unix import check_path
from exporter.options import TLSConfig

FAMILIES = (*dialogue.FAMILIES, *dialogue.TLS_FAMILIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """blackbox_exporter's keys."""

    tls: bool = False
    tls_config: TLSConfig = TLSConfig()
    query_response: tuple[Step, ...] = ()


def check_target(target: str) -> None:
    """ValueError unless `target` can be the path of a socket; `@name` is an abstract one of Linux."""
    check_path(target)


def check_labels(options: Options) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with labels where ours stand beside them: each mistake's route in this block, and a sentence."""
    yield from ((("query_response", *route), said) for route, said in dialogue.check_labels(options.query_response))


def families(options: Options) -> tuple[Family, ...]:
    """FAMILIES, and `probe_expect_info` with the labels that these options give it."""
    return (*FAMILIES, *dialogue.families(options.query_response))


async def probe(endpoint: Endpoint, options: Options, net: Attempt) -> Result:
    """Hold the dialogue with whoever listens at the path."""
    async with net.dial_unix(endpoint.target) as stream:

        async def protect() -> None:
            await _secure(net, stream, options.tls_config)

        if options.tls:
            await protect()
        # As in blackbox_exporter: without a connection nothing is said of what it would have brought.
        net.samples |= {"probe_failed_due_to_regex": 0.0, "probe_failed_due_to_bytes": 0.0}
        await dialogue.hold(net, stream, options.query_response, protect)
    return net.result()


async def _secure(net: Attempt, stream: Stream, config: TLSConfig) -> None:
    if not config.server_name and not config.insecure_skip_verify:
        raise ProbeError(
            Reason.INTERNAL, f"nobody can say whose certificate {stream.peer} must show: set tls_config.server_name"
        )
    await dialogue.secure(net, stream, config, "")
