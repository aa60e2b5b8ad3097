"""`check`: probe once now and say what is down."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from exporter import check, logs, portion, terminal
from exporter.cli import files
from exporter.model import Answer

EXIT_STATUS = {Answer.UP: 0, Answer.DEGRADED: 1, Answer.PARTIAL: 1, Answer.DOWN: 2, Answer.UNKNOWN: 3}
"""As monitoring plugins do: OK, WARNING, CRITICAL, UNKNOWN."""


def arguments(parser: argparse.ArgumentParser) -> None:
    files.add(parser)
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="which ones (default: all)")
    parser.add_argument("--json", action="store_true", help="print the verdicts and results as JSON")


def run(options: argparse.Namespace) -> int:
    logs.configure("error")
    loaded = files.load(options)
    try:
        narrowed = check.narrow(loaded, options.services)
    except KeyError as error:
        known = ", ".join(service.name for service in loaded.services)
        print(f"outage-exporter: {error.args[0]!r} is not a configured service ({known})", file=sys.stderr)
        return EXIT_STATUS[Answer.UNKNOWN]
    unmetered = portion.unmetered(narrowed)
    if unmetered.regions != narrowed.regions:
        print("Globalping is left out: what it is asked is counted, and is for `outage-exporter run`.", file=sys.stderr)
    store = asyncio.run(check.check(unmetered, _progress))
    if options.json:
        print(json.dumps(check.as_json(store), indent=2))
    else:
        print("\n\n".join(terminal.verdict_text(v, sys.stdout.isatty()) for v in store.verdicts.values()))
    # An alternative that fails is no outage of what it stands in for: it counts only when it is asked for by name.
    counted = options.services or store.verdicts.keys() - loaded.alternatives
    return max(EXIT_STATUS[store.verdicts[name].answer] for name in counted)


def _progress(finished: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\r\x1b[K" if finished == total else "\r"
        print(f"\rprobing: {finished} of {total}", end=end, file=sys.stderr, flush=True)
