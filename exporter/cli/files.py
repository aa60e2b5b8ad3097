"""The configuration that a command is told to read: `--config.file`, and what ships without it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from exporter import config
from exporter.model import Config


def add(parser: argparse.ArgumentParser) -> None:
    """Let a command take `--config.file`."""
    parser.add_argument(
        "--config.file",
        dest="files",
        metavar="PATH",
        type=Path,
        action="append",
        default=[],
        help="a YAML file or a folder of them; repeat to merge (default: the TikTok configuration that ships)",
    )


def named(options: argparse.Namespace) -> tuple[Path, ...]:
    """The files and folders that were named, or the one that ships."""
    return tuple(options.files or [config.shipped()])


def load(options: argparse.Namespace) -> Config:
    """Their content; ConfigError names every mistake."""
    return config.load(named(options), os.environ)
