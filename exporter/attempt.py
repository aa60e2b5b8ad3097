"""One attempt at a pair: the deadline, the region, the probe, and the one place where an error becomes a Result.

A pair is configured, or made of a module and a target that somebody asks for.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import cache

from exporter import kinds
from exporter.errors import ProbeError
from exporter.model import Endpoint, Module, Pair, Reason, Region, Result
from exporter.net import Attempt, Network
from exporter.net.target import split_authority

log = logging.getLogger(__name__)

_ASKED = "probe"
"""The service under which the log names what was asked for."""


async def run(pair: Pair, network: Network, number: int = 0) -> Result:
    """Try `pair` once, within its endpoint's timeout; `number` is 0 for a scheduled run, else the confirmation."""
    endpoint, region = pair.endpoint, pair.region
    probe = kinds.module("probes", endpoint.kind).probe
    through = kinds.module("regions", region.kind).run
    net = network.attempt(endpoint.timeout)
    try:
        async with asyncio.timeout(endpoint.timeout):
            result: Result = await through(endpoint, probe, region.options, net)
    except TimeoutError:
        result = net.result(net.timed_out())
    except ProbeError as error:
        result = net.result(error)
    except Exception as error:
        result = _unforeseen(pair, net, error)
    return replace(result, attempt=number) if number else result


async def run_asked(module: Module, target: str, hostname: str, within: float, network: Network) -> Result:
    """Try `target` by `module` once, from here, `within` seconds; `hostname` is empty when unsaid."""
    try:
        kinds.module("probes", module.kind).check_target(target)
        options = named(module, hostname).options
    except ValueError as error:
        return network.attempt(within).result(ProbeError(Reason.INTERNAL, str(error)))
    return await run(
        Pair(Endpoint(_ASKED, _ASKED, module.name, module.kind, target, options, within, within), _here()), network
    )


def named(module: Module, hostname: str) -> Module:
    """`module` for a target that is called `hostname`: in http's Host header, and elsewhere in TLS where it has that.

    ValueError when the module names another host.
    """
    options = module.options
    if not hostname:
        return module
    authority, host = split_authority(hostname)
    if module.kind == "http":
        given = next((value for name, value in options.headers.items() if name.lower() == "host"), hostname)
        if given != hostname:
            raise ValueError(
                f"host header defined both in module configuration ({given}) and with URL-parameter 'hostname' "
                f"({hostname})"
            )
        kept = {name: value for name, value in options.headers.items() if name.lower() != "host"}
        return replace(module, options=replace(options, headers={**kept, "Host": authority}))
    if hasattr(options, "tls_config") and not options.tls_config.server_name:
        return replace(module, options=replace(options, tls_config=replace(options.tls_config, server_name=host)))
    return module


@cache
def _here() -> Region:
    return Region("here", "local", kinds.module("regions", "local").Options())


def _unforeseen(pair: Pair, net: Attempt, error: Exception) -> Result:
    # A mistake of ours must neither count against the service nor end the worker.
    log.warning("probe failed by a fault of this program", extra={"pair": "/".join(pair.key)}, exc_info=error)
    return net.result(ProbeError(Reason.INTERNAL, f"a fault of this program: {type(error).__name__}: {error}"))
