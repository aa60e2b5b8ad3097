"""`/status`: how the exporter itself is: its configuration, signals, regions, schedule, reports and process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aiohttp import web

from exporter.metrics import Own
from exporter.model import Signal
from exporter.readings import PUSHED, Fault, Heard
from exporter.signals.reports import Intake
from exporter.web.site import SITE, Site, html

routes = web.RouteTableDef()

_HALF, _NEARLY_ALL = 0.5, 0.99  # of the scheduled runs, by how late they began


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A signal as it is listened to; times in unix seconds, 0 for never. `state` is fresh, silent, waiting or open."""

    title: str
    name: str
    kind: str
    state: str
    succeeded_at: float
    reading_at: float
    failure: str
    failed_at: float
    errors: Mapping[Fault, int]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds within which half and nearly all runs began, None before the first; skipped runs by reason."""

    pairs: int
    half_within: float | None
    nearly_all_within: float | None
    skipped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Process:
    """Bytes, counts and unix seconds."""

    started: float
    resident: float
    descriptors: float
    descriptors_allowed: float
    workers: int
    restarts: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class Reports:
    """What came of people's own reports since the start."""

    accepted: int
    refused: Mapping[str, int]


@routes.get("/status")
async def internals(request: web.Request) -> web.Response:
    site = request.app[SITE]
    numbers = site.own.samples()
    return html(
        "internals.html",
        now=time.time(),
        signals=list(_signals(site)),
        sights=site.store.sights,
        schedule=_schedule(site.own, numbers, len(site.store.records)),
        process=_process(numbers),
        files=site.files,
        prober=site.prober,
        applied_at=numbers["outage_exporter_config_last_reload_success_timestamp_seconds"],
        mistakes=site.own.mistakes,
        reports=_reports(site.intake),
    )


def _signals(site: Site) -> Iterator[SignalRow]:
    for signal in site.store.config.signals:
        known = site.store.heard.get(signal.name) or Heard(signal.name, signal.kind)
        yield SignalRow(
            title=signal.title or signal.name,
            name=signal.name,
            kind=signal.kind,
            state=_state(signal, known),
            succeeded_at=known.succeeded_at,
            reading_at=known.reading.at if known.reading else 0.0,
            failure=known.failure,
            failed_at=known.failed_at,
            errors=known.errors,
        )


def _state(signal: Signal, known: Heard) -> str:
    """People come to their own reports by themselves: there is nobody who could fall silent."""
    if signal.kind == PUSHED:
        return "open"
    if known.fresh:
        return "fresh"
    return "silent" if known.failed_at or known.succeeded_at else "waiting"


def _schedule(own: Own, numbers: Mapping[str, float], pairs: int) -> Schedule:
    begins, ends = "outage_exporter_runs_skipped_total{", "}"
    skipped = {
        name.removeprefix(begins).removesuffix(ends): int(n) for name, n in numbers.items() if name.startswith(begins)
    }
    return Schedule(pairs, own.lag(_HALF), own.lag(_NEARLY_ALL), skipped)


def _process(numbers: Mapping[str, float]) -> Process:
    return Process(
        # Where the system tells nothing of processes, nothing is known of this one.
        started=numbers.get("process_start_time_seconds", 0.0),
        resident=numbers.get("process_resident_memory_bytes", 0.0),
        descriptors=numbers.get("process_open_fds", 0.0),
        descriptors_allowed=numbers.get("process_max_fds", 0.0),
        workers=int(numbers["outage_exporter_workers"]),
        restarts=int(numbers["outage_exporter_worker_restarts_total"]),
        in_flight=int(numbers["outage_exporter_probes_in_flight"]),
    )


def _reports(intake: Intake | None) -> Reports | None:
    """None while the configuration takes none."""
    if intake is None or intake.signal is None:
        return None
    # Those that name a feature count for the whole service as well, so the whole is what was accepted.
    accepted = sum(count for (_, feature), count in intake.accepted.items() if not feature)
    return Reports(accepted, intake.refused)
