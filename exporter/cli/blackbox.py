"""The flags of `run` for `/probe`, named as blackbox_exporter's where it has them."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.main import Blackbox

log = logging.getLogger(__name__)


def add(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    group = parser.add_argument_group("/probe, as blackbox_exporter answers it")
    group.add_argument(
        "--blackbox.config",
        dest="modules",
        metavar="PATH",
        type=Path,
        help="a blackbox_exporter's module file or a folder of them; without it /probe is off, and without "
        "--config.file beside it nothing is probed on a schedule",
    )
    group.add_argument(
        "--blackbox.allow",
        dest="allow",
        metavar="NETWORK",
        type=_reached,
        action="append",
        help="what its targets may be: a network, `public` for what is on the internet, or `unix` for sockets of this "
        "machine; repeat for more (default: public)",
    )
    group.add_argument(
        "--blackbox.deny",
        dest="deny",
        metavar="NETWORK",
        type=_network,
        action="append",
        default=[],
        help="what they may not be, whatever is allowed; repeat for more",
    )
    group.add_argument(
        "--blackbox.concurrency",
        dest="concurrency",
        metavar="N",
        type=_positive,
        help="how many of its probes may run at once (default: half of what descriptors allow)",
    )
    group.add_argument(
        "--timeout-offset",
        dest="offset",
        metavar="SECONDS",
        type=_seconds,
        default=0.5,
        help="the part of a scrape's timeout that is kept for the way (default: %(default)s)",
    )
    group.add_argument(
        "--history.limit",
        dest="history",
        metavar="N",
        type=_natural,
        default=100,
        help="how many of its results /probe/history shows (default: %(default)s)",
    )


def settings(options: argparse.Namespace) -> Blackbox | None:
    """What they say; None when `/probe` is off."""
    # Imported here, as all that only a program that runs needs.
    from exporter.main import Blackbox
    from exporter.net import Reach

    if options.modules is None:
        if options.allow or options.deny or options.concurrency:
            log.warning("the flags of /probe change nothing without --blackbox.config: /probe is off")
        return None
    reach = Reach(tuple(options.allow or Reach().allow), tuple(options.deny))
    return Blackbox(options.modules, options.offset, reach, options.concurrency, options.history)


def _reached(text: str) -> str:
    from exporter.net import check_reach

    try:
        return check_reach(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a network ({error}) nor public or unix") from None


def _network(text: str) -> str:
    if text in ("public", "unix"):
        raise argparse.ArgumentTypeError(f"{text!r} can be allowed only; deny networks, such as 10.0.0.0/8")
    return _reached(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, such as 0.5")
    return seconds


def _natural(text: str) -> int:
    if not text.isdecimal() or int(text) > 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 100000")
    return int(text)


def _positive(text: str) -> int:
    if not _natural(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 100000")
    return int(text)
