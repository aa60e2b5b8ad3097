"""`probe`: one probe, with everything that it saw."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from exporter import attempt, check, kinds, logs, portion, terminal
from exporter.cli import files
from exporter.model import Config, Endpoint, Pair, Result
from exporter.net import Network

_TIMEOUT = 10.0


def arguments(parser: argparse.ArgumentParser) -> None:
    files.add(parser)
    parser.add_argument("url", metavar="URL", help="http://, https://, tcp://host:port or icmp://host")
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
    if kinds.is_metered(region.kind):
        endpoint = kinds.module("regions", region.kind).planned(endpoint, 0.0)
    return Pair(endpoint, region)


def _endpoint(url: str, loaded: Config) -> Endpoint:
    """The configured endpoint with this very URL, or one with its kind's defaults; ValueError says what is wrong."""
    for pair in loaded.pairs:
        if pair.endpoint.kind == "http" and pair.endpoint.target == url:
            return pair.endpoint
    scheme = urlsplit(url).scheme
    kind = "http" if scheme in ("http", "https") else scheme
    if kind not in ("http", "tcp", "icmp"):
        raise ValueError(f"{url!r} is not a URL to probe; begin with http://, https://, tcp:// or icmp://")
    target = url if kind == "http" else urlsplit(url).netloc
    module = kinds.module("probes", kind)
    module.check_target(target)
    return Endpoint("adhoc", "adhoc", "probe", kind, target, module.Options(), 60.0, _TIMEOUT)


async def _attempt(pair: Pair, loaded: Config) -> Result:
    return await attempt.run(pair, Network(loaded.network))


def _as_json(pair: Pair, result: Result) -> dict[str, Any]:
    return {**check.result_json(pair.key, result), "phases": result.phases, "facts": result.facts}
