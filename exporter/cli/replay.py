"""`replay`: a documented outage as OpenMetrics, for Prometheus' own history."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import sys
from pathlib import Path

from exporter import config, replay, simulation
from exporter.options import parse_duration


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("outage", nargs="?", metavar="ID", help="which one (default: list them all)")
    parser.add_argument("--output", metavar="FILE", type=Path, help="where to write (default: standard output)")
    parser.add_argument(
        "--step",
        metavar="DURATION",
        type=_step,
        help="between two moments, at most 5m (default: 60s, and 4m when the outage lasted more than 6.5 hours)",
    )
    parser.add_argument(
        "--regions",
        metavar="R,R",
        type=_regions,
        default=replay.REGIONS,
        help=f"from where to look: some of {', '.join(simulation.REGIONS)} (default: {','.join(replay.REGIONS)})",
    )
    parser.add_argument("--histograms", action="store_true", help="write them too: half as much again")


def _step(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 1 <= seconds <= 300:
        raise argparse.ArgumentTypeError(f"{text} is not between 1s and 5m, beyond which Prometheus sees gaps")
    return seconds


def _regions(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in simulation.REGIONS:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(simulation.REGIONS)}")
    return names


def run(options: argparse.Namespace) -> int:
    outages = {outage.name: outage for outage in config.past_outages()}
    if options.outage is None:
        print("\n".join(map(replay.line, outages.values())))
        return 0
    if options.outage not in outages:
        near = difflib.get_close_matches(options.outage, outages, n=1, cutoff=0.3)
        hint = f"; did you mean {near[0]}?" if near else ""
        print(f"outage-exporter: {options.outage!r} is not a documented outage{hint}", file=sys.stderr)
        return 1
    outage = outages[options.outage]
    print(replay.note(outage), file=sys.stderr)
    seen = replay.scene(config.load([config.shipped()], {}), outage, options.regions, options.histograms)
    with contextlib.ExitStack() as stack:
        to = stack.enter_context(options.output.open("w", encoding="utf-8")) if options.output else sys.stdout
        to.writelines(replay.replay(seen, options.step or replay.default_step(outage)))
    return 0
