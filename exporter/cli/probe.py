"""`probe`: one probe, with everything that it saw."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from exporter import attempt, check, kinds, logs, portion, terminal
from exporter.cli import files
from exporter.model import Config, Endpoint, Pair, Result
from exporter.net import Network

_TIMEOUT = 10.0

_BY_URL = {"http": "http", "https": "http", "ws": "websocket", "wss": "websocket"}
_BY_ADDRESS = ("tcp", "grpc", "icmp", "unix")
_SCHEMES = ", ".join(f"{scheme}://" for scheme in (*_BY_URL, *_BY_ADDRESS))


def arguments(parser: argparse.ArgumentParser) -> None:
    files.add(parser)
    addresses = "tcp://host:port, grpc://host:port, icmp://host, unix:///path"
    parser.add_argument("url", metavar="URL", help=f"http://, https://, ws://, wss://, {addresses}")
    parser.add_argument("--region", metavar="R", help="a region of the configuration (default: the first)")
    parser.add_argument(
        "--data.dir",
        dest="data",
        metavar="DIR",
        type=Path,
        default=Path("data"),
        help="where `run` counts what Globalping is asked; not counted when it is not there (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    logs.configure("error")
    loaded = files.load(options)
    if options.data.is_dir():
        loaded = portion.counted(loaded, options.data)
    try:
        pair = _pair(options, loaded)
    except ValueError as error:
        print(f"outage-exporter: {error}", file=sys.stderr)
        return 1
    result = asyncio.run(_attempt(pair, loaded))
    if options.json:
        print(json.dumps(_as_json(pair, result), indent=2))
    else:
        print(terminal.result_text(pair.endpoint.target, pair.region.name, result, sys.stdout.isatty()))
    return 0 if result.ok else 1


def _pair(options: argparse.Namespace, loaded: Config) -> Pair:
    """What is to be probed and from where; ValueError says what is wrong."""
    regions = {region.name: region for region in loaded.regions}
    if options.region is not None and options.region not in regions:
        raise ValueError(f"{options.region!r} is not a region ({', '.join(regions)})")
    region = regions[options.region] if options.region else loaded.regions[0]
    endpoint = _endpoint(options.url, loaded)
    able = getattr(kinds.module("regions", region.kind), "SUPPORTS", None)
    if able is not None and endpoint.kind not in able:
        raise ValueError(f"region {region.name} ({region.kind}) carries {', '.join(sorted(able))}, not {endpoint.kind}")
    if kinds.is_metered(region.kind):
        endpoint = kinds.module("regions", region.kind).planned(endpoint, 0.0)
    return Pair(endpoint, region)


def _endpoint(url: str, loaded: Config) -> Endpoint:
    """The configured endpoint with this very URL, or one with its kind's defaults; ValueError says what is wrong."""
    scheme, _, rest = url.partition("://")
    kind = _BY_URL.get(scheme, scheme)
    for pair in loaded.pairs:
        if scheme in _BY_URL and (pair.endpoint.kind, pair.endpoint.target) == (kind, url):
            return pair.endpoint
    if not rest or (scheme not in _BY_URL and scheme not in _BY_ADDRESS):
        raise ValueError(f"{url!r} is not a URL to probe; begin with one of {_SCHEMES}")
    target = url if scheme in _BY_URL else rest if kind == "unix" else rest.partition("/")[0]
    module = kinds.module("probes", kind)
    module.check_target(target)
    return Endpoint("adhoc", "adhoc", "probe", kind, target, module.Options(), 60.0, _TIMEOUT)


async def _attempt(pair: Pair, loaded: Config) -> Result:
    return await attempt.run(pair, Network(loaded.network))


def _as_json(pair: Pair, result: Result) -> dict[str, Any]:
    return {**check.result_json(pair.key, result), "phases": result.phases, "facts": result.facts}
