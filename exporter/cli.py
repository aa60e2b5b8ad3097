"""The command line: run, check, probe, config, replay, export, healthcheck. Flags are spelled as in Prometheus."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import difflib
import json
import os
import signal
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import exporter
from exporter import attempt, check, config, export, kinds, logs, replay, simulation, terminal
from exporter.errors import ConfigError
from exporter.model import Answer, Config, Endpoint, Pair, Result
from exporter.net import Network
from exporter.options import parse_duration

PORT = 19720
EXIT_STATUS = {Answer.UP: 0, Answer.DEGRADED: 1, Answer.PARTIAL: 1, Answer.DOWN: 2, Answer.UNKNOWN: 3}
"""As monitoring plugins do: OK, WARNING, CRITICAL, UNKNOWN."""

_PROBE_TIMEOUT = 10.0
_HEALTH_TIMEOUT = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = _parser().parse_args(given)
    except SystemExit as ended:
        # argparse's 2 would say that the service is down.
        raise SystemExit(EXIT_STATUS[Answer.UNKNOWN] if ended.code and given[:1] == ["check"] else ended.code) from None
    try:
        return int(options.command(options))
    except ConfigError as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:
        # Whoever read our output has had enough; the interpreter must not complain about it at its end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"outage-exporter: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return EXIT_STATUS[Answer.UNKNOWN] if options.command is _check else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="outage-exporter", description="Is it down? A Prometheus exporter that answers."
    )
    parser.add_argument("--version", action="version", version=f"outage-exporter {exporter.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands.add_parser("run", help="probe on a schedule and serve metrics and pages"))
    _add_check(commands.add_parser("check", help="probe once now and say what is down"))
    _add_probe(commands.add_parser("probe", help="one probe, with everything that it saw"))
    _add_config(commands.add_parser("config", help="check, show or describe the configuration"))
    _add_replay(commands.add_parser("replay", help="a documented outage as OpenMetrics, for Prometheus' own history"))
    _add_export(
        commands.add_parser("export", help="the public pages of a running exporter as files, for any web server")
    )
    _add_healthcheck(commands.add_parser("healthcheck", help="ask a running exporter whether it is healthy"))
    return parser


def _add_config_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config.file",
        dest="files",
        metavar="PATH",
        type=Path,
        action="append",
        default=[],
        help="a YAML file or a folder of them; repeat to merge (default: the TikTok configuration that ships)",
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_config_file(parser)
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
    parser.add_argument("--data.dir", dest="data", metavar="DIR", type=Path, default=Path("data"), help="incidents")
    parser.add_argument("--shard", metavar="I/N", type=_shard, default=(1, 1), help="run only part I of N of the pairs")
    parser.add_argument("--workers", metavar="N", type=_count, help="probing processes (default: cores less one)")
    parser.add_argument("--log.level", dest="log_level", choices=logs.LEVELS, default="info")
    parser.add_argument("--log.format", dest="log_format", choices=logs.FORMATS, default="logfmt")
    parser.set_defaults(command=_run)


def _add_check(parser: argparse.ArgumentParser) -> None:
    _add_config_file(parser)
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="which ones (default: all)")
    parser.add_argument("--json", action="store_true", help="print the verdicts and results as JSON")
    parser.set_defaults(command=_check)


def _add_probe(parser: argparse.ArgumentParser) -> None:
    _add_config_file(parser)
    parser.add_argument("url", metavar="URL", help="http://, https://, tcp://host:port or icmp://host")
    parser.add_argument("--region", metavar="R", help="a region of the configuration (default: the first)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(command=_probe)


def _add_config(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, command, words in (
        ("check", _config_check, "say every mistake, or that there is none"),
        ("show", _config_show, "print the merged configuration, secrets hidden"),
    ):
        action = actions.add_parser(name, help=words)
        _add_config_file(action)
        action.set_defaults(command=command)
    actions.add_parser("schema", help="print the JSON Schema for editors").set_defaults(command=_config_schema)


def _add_replay(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument("--histograms", action="store_true", help="write them too: three times the size")
    parser.set_defaults(command=_replay)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to write; only what is another is written")
    parser.add_argument(
        "--url", default=f"http://127.0.0.1:{PORT}/export.tar", help="where they come from (%(default)s)"
    )
    parser.set_defaults(command=_export)


def _add_healthcheck(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url", default=f"http://127.0.0.1:{PORT}/-/healthy", help="what to ask (default: %(default)s)"
    )
    parser.set_defaults(command=_healthcheck)


def _shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a shard; write I/N with I from 1 to N, such as 2/5")
    return int(index), int(count)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers, from 1 to 256")
    return int(text)


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


def _load(options: argparse.Namespace) -> Config:
    return config.load(options.files or [config.shipped()], os.environ)


def _run(options: argparse.Namespace) -> int:
    # A reload that comes before anything is loaded must not end the program, which is what SIGHUP does by itself.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Imported here: the web server costs the other commands a quarter of a second.
    from exporter.main import Settings, run

    logs.configure(options.log_level, options.log_format)
    settings = Settings(
        files=tuple(options.files or [config.shipped()]),
        addresses=tuple(options.addresses or [f":{PORT}"]),
        public_addresses=tuple(options.public_addresses),
        public=options.public,
        web_config=options.web_config,
        data=options.data,
        shard=options.shard,
        workers=options.workers,
        log_options=(options.log_level, options.log_format),
    )
    return asyncio.run(run(settings))


def _check(options: argparse.Namespace) -> int:
    logs.configure("error")
    loaded = _load(options)
    try:
        narrowed = check.narrow(loaded, options.services)
    except KeyError as error:
        known = ", ".join(service.name for service in loaded.services)
        print(f"outage-exporter: {error.args[0]!r} is not a configured service ({known})", file=sys.stderr)
        return EXIT_STATUS[Answer.UNKNOWN]
    store = asyncio.run(check.check(narrowed, _progress))
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


def _probe(options: argparse.Namespace) -> int:
    logs.configure("error")
    loaded = _load(options)
    regions = {region.name: region for region in loaded.regions}
    if options.region is not None and options.region not in regions:
        print(f"outage-exporter: {options.region!r} is not a region ({', '.join(regions)})", file=sys.stderr)
        return 1
    region = regions[options.region] if options.region else loaded.regions[0]
    try:
        pair = Pair(_ad_hoc(options.url, loaded), region)
    except ValueError as error:
        print(f"outage-exporter: {error}", file=sys.stderr)
        return 1
    result = asyncio.run(_attempt(pair, loaded))
    if options.json:
        print(
            json.dumps(
                {**check.result_json(pair.key, result), "phases": result.phases, "facts": result.facts}, indent=2
            )
        )
    else:
        print(terminal.result_text(pair.endpoint.target, region.name, result, sys.stdout.isatty()))
    return 0 if result.ok else 1


def _ad_hoc(url: str, loaded: Config) -> Endpoint:
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
    return Endpoint("adhoc", "adhoc", "probe", kind, target, module.Options(), 60.0, _PROBE_TIMEOUT)


async def _attempt(pair: Pair, loaded: Config) -> Result:
    return await attempt.run(pair, Network(loaded.network))


def _config_check(options: argparse.Namespace) -> int:
    loaded = _load(options)
    counted = {"services": loaded.services, "regions": loaded.regions, "pairs": loaded.pairs}
    print(f"No mistake; {', '.join(f'{name}: {len(found)}' for name, found in counted.items())}.")
    return 0


def _config_show(options: argparse.Namespace) -> int:
    print(_load(options).shown, end="")
    return 0


def _config_schema(options: argparse.Namespace) -> int:
    print(json.dumps(config.schema(), indent=2))
    return 0


def _replay(options: argparse.Namespace) -> int:
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


def _export(options: argparse.Namespace) -> int:
    done = export.export(options.url, options.folder)
    print(f"{done.files} files in {options.folder}: {done.written} written, {done.removed} removed.")
    return 0


def _healthcheck(options: argparse.Namespace) -> int:
    trusting = ssl.create_default_context()
    # Our own server on our own machine: its certificate names another host.
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(options.url, timeout=_HEALTH_TIMEOUT, context=trusting) as answer:  # noqa: S310
            print(f"healthy: {answer.status}")
            return 0
    except urllib.error.HTTPError as error:
        # Asking for a password is an answer of a healthy server.
        print(f"answered {error.code}")
        return 0 if error.code == 401 else 1
    except (OSError, ValueError) as error:
        print(f"not healthy: {getattr(error, 'reason', error)}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
