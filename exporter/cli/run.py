"""`run`: probe on a schedule and serve metrics and pages."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from exporter import logs
from exporter.cli import PORT, blackbox, files


def arguments(parser: argparse.ArgumentParser) -> None:
    files.add(parser)
    _add_web(parser)
    blackbox.add(parser)
    parser.add_argument("--data.dir", dest="data", metavar="DIR", type=Path, default=Path("data"), help="incidents")
    parser.add_argument("--shard", metavar="I/N", type=_shard, default=(1, 1), help="run only part I of N of the pairs")
    parser.add_argument("--workers", metavar="N", type=_count, help="probing processes (default: cores less one)")
    parser.add_argument("--log.level", dest="log_level", choices=logs.LEVELS, default="info")
    parser.add_argument("--log.format", dest="log_format", choices=logs.FORMATS, default="logfmt")


def _add_web(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--web.listen-address",
        dest="addresses",
        metavar="HOST:PORT",
        action="append",
        help=f"where to serve; repeat for more (default: :{PORT})",
    )
    parser.add_argument("--web.config.file", dest="web_config", metavar="PATH", type=Path, help="TLS and users")
    parser.add_argument(
        "--web.public-address",
        dest="public_addresses",
        metavar="HOST:PORT",
        action="append",
        default=[],
        help="where to serve the public pages alone, without a password; repeat for more",
    )
    parser.add_argument(
        "--web.public",
        dest="public",
        action="store_true",
        help="ask for a password on the operators' pages only, not on the public ones",
    )


def _shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a shard; write I/N with I from 1 to N, such as 2/5")
    return int(index), int(count)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers, from 1 to 256")
    return int(text)


def run(options: argparse.Namespace) -> int:
    # A reload that comes before anything is loaded must not end the program, which is what SIGHUP does by itself.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Imported here: whoever asks for help, or mistypes, need not wait for the web server.
    from exporter import main

    logs.configure(options.log_level, options.log_format)
    settings = main.Settings(
        # Who comes for /probe has not asked for anything else to be contacted.
        files=() if options.modules and not options.files else files.named(options),
        addresses=tuple(options.addresses or [f":{PORT}"]),
        public_addresses=tuple(options.public_addresses),
        public=options.public,
        web_config=options.web_config,
        data=options.data,
        shard=options.shard,
        workers=options.workers,
        log_options=(options.log_level, options.log_format),
        blackbox=blackbox.settings(options),
    )
    return asyncio.run(main.run(settings))
