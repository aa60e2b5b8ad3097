"""The command line, one file a command. Flags are spelled as in Prometheus.

A command is a module with `arguments(parser)`, which says what it takes, and `run(options)`, which does it and returns
its exit status. Only the one that is asked for is imported: a container runs `healthcheck` every few seconds.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

import exporter

PORT = 19720

COMMANDS = {
    "run": "probe on a schedule and serve metrics and pages",
    "check": "probe once now and say what is down",
    "probe": "one probe, with everything that it saw",
    "config": "check, show or describe the configuration",
    "replay": "a documented outage as OpenMetrics, for Prometheus' own history",
    "export": "the public pages of a running exporter as files, for any web server",
    "healthcheck": "ask a running exporter whether it is healthy",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = parser(given).parse_args(given)
    except SystemExit as ended:
        raise SystemExit(_failure(given, ended.code) if ended.code else 0) from None
    try:
        return int(options.run(options))
    except BrokenPipeError:
        # Whoever read our output has had enough; the interpreter must not complain about it at its end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"outage-exporter: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except _config_error() as error:
        print(error, file=sys.stderr)
    return int(_failure(given, 1))


def parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """What understands these arguments: it knows every command by name, and those that are in them in full."""
    whole = argparse.ArgumentParser(
        prog="outage-exporter", description="Is it down? A Prometheus exporter that answers."
    )
    whole.add_argument("--version", action="version", version=f"outage-exporter {exporter.__version__}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    for name, words in COMMANDS.items():
        command = commands.add_parser(name, help=words)
        if name in given:
            module = importlib.import_module(f"exporter.cli.{name}")
            module.arguments(command)
            command.set_defaults(run=module.run)
    return whole


def _failure(given: Sequence[str], status: str | int) -> str | int:
    """The status of a command that could not do its work; of a check 3, because 1 and 2 say that something is down."""
    return 3 if given[:1] == ["check"] else status


def _config_error() -> type[Exception]:
    # Imported when something was raised, because most commands raise nothing.
    from exporter.errors import ConfigError

    return ConfigError
