"""`export`: the public pages of a running exporter as files, for any web server."""

from __future__ import annotations

import argparse
from pathlib import Path

from exporter import export
from exporter.cli import PORT


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to write; only what is another is written")
    parser.add_argument(
        "--url", default=f"http://127.0.0.1:{PORT}/export.tar", help="where they come from (%(default)s)"
    )


def run(options: argparse.Namespace) -> int:
    done = export.export(options.url, options.folder)
    print(f"{done.files} files in {options.folder}: {done.written} written, {done.removed} removed.")
    return 0
