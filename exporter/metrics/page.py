"""The metrics page: chunks of bytes, rendered when a result arrives, joined when a scrape asks.

Every pair keeps its lines of every family; a page of 10,000 pairs is then a join and not 260,000
formattings. Text format 0.0.4 and OpenMetrics 1.0.0 differ only in the headers of counters and in
the end mark, so the chunks serve both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from exporter import kinds
from exporter.metrics import histograms as synthetic
from exporter.metrics.geohash import geohash
from exporter.metrics.histograms import Histograms
from exporter.metrics.own import Own
from exporter.model import Answer, Family, Pair, PairKey, Reason, Result, SampleKey, State
from exporter.state import Record, Store

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_LATEST = " Of the latest scheduled run."


class _Header(NamedTuple):
    name: str
    help: str
    kind: str


_HEADERS = {
    header.name: header
    for header in (
        _Header("probe_success", "Whether the probe succeeded." + _LATEST, "gauge"),
        _Header("probe_duration_seconds", "How long the probe took." + _LATEST, "gauge"),
        _Header("probe_attempts_total", "Attempts, scheduled runs and confirmations.", "counter"),
        _Header("probe_failures_total", "Attempts that failed, by reason.", "counter"),
        _Header("probe_last_run_timestamp_seconds", "When the latest attempt began, 0 before the first.", "gauge"),
        _Header("probe_info", "What is probed from where; always 1.", "gauge"),
        _Header(synthetic.ALL, "How long successful attempts took.", "histogram"),
        _Header(synthetic.HTTP_ALL, "How long each phase of successful http attempts took.", "histogram"),
        _Header(synthetic.SUCCESS, "Attempts, and how many of them succeeded.", "summary"),
        _Header(
            "outage_region_seeing", "Whether a control answers in the region: without one it casts no vote.", "gauge"
        ),
        _Header("outage_state", "1 for the state that a feature has in a region.", "gauge"),
        _Header("outage_verdict", "1 for the verdict of a service.", "gauge"),
    )
}


class _Entry:
    """What is kept of a pair beside its chunks."""

    __slots__ = ("families", "histograms", "labels", "names")

    def __init__(self, pair: Pair, with_histograms: bool) -> None:
        self.labels = _pair_labels(pair)
        self.families = _families(pair)
        self.histograms = Histograms(self.labels, pair.endpoint.kind == "http") if with_histograms else None
        self.names: set[str] = set()


class Page:
    """All pairs' chunks; `add` a pair before its first result, `remove` it with its configuration."""

    def __init__(self) -> None:
        self._chunks: dict[str, dict[PairKey, bytes]] = {}
        self._headers: dict[str, _Header] = dict(_HEADERS)
        self._entries: dict[PairKey, _Entry] = {}

    def add(self, record: Record, histograms: bool) -> None:
        """Show a pair that has no result yet: its counters at 0, and what it is. A known pair stays as it is."""
        key = record.pair.key
        known = self._entries.get(key)
        if known is not None and (known.histograms is not None) == histograms:
            return
        entry = self._entries[key] = _Entry(record.pair, histograms)
        for family in entry.families.values():
            self._headers.setdefault(family.name, _Header(family.name, family.help + _LATEST, family.kind))
        self._put(key, "probe_info", _info(record.pair, entry.labels))
        self._count(record, entry)

    def remove(self, key: PairKey) -> None:
        """Drop all series of a pair: a stale value is a lie."""
        if self._entries.pop(key, None) is not None:
            for chunks in self._chunks.values():
                chunks.pop(key, None)

    def update(self, record: Record, result: Result) -> None:
        """Show a new result: its counters, and its values when it is a scheduled run's."""
        key = record.pair.key
        entry = self._entries[key]
        self._count(record, entry)
        if entry.histograms is not None:
            entry.histograms.observe(result)
        if result.attempt == 0:
            self._show(key, entry, result)

    def render(self, store: Store, own: Own, openmetrics: bool) -> bytes:
        """The whole page."""
        parts: list[bytes] = []
        for name, chunks in (*self._chunks.items(), *self._histogram_chunks().items()):
            if chunks:
                parts += (_head(self._headers[name], openmetrics), *chunks.values())
        for name, lines in _judged(store).items():
            if lines:
                parts += (_head(self._headers[name], openmetrics), lines)
        parts.append(own.render(openmetrics))
        if openmetrics:
            parts.append(b"# EOF\n")
        return b"".join(parts)

    def _count(self, record: Record, entry: _Entry) -> None:
        key, labels = record.pair.key, entry.labels
        self._put(key, "probe_attempts_total", f"probe_attempts_total{{{labels}}} {record.attempts}\n".encode())
        failures = record.failures
        self._put(
            key,
            "probe_failures_total",
            (_failures_template(labels) % tuple([failures.get(r, 0) for r in Reason])).encode(),
        )
        last = f"probe_last_run_timestamp_seconds{{{labels}}} {record.track.last_at!r}\n"
        self._put(key, "probe_last_run_timestamp_seconds", last.encode())

    def _show(self, key: PairKey, entry: _Entry, result: Result) -> None:
        labels = entry.labels
        lines: dict[str, list[str]] = {
            "probe_success": [f"probe_success{{{labels}}} {1 if result.ok else 0}\n"],
            "probe_duration_seconds": [f"probe_duration_seconds{{{labels}}} {result.duration!r}\n"],
        }
        for sample, value in result.samples.items():
            name, extra = _series(sample, entry.families[sample if isinstance(sample, str) else sample[0]])
            said = f"{name}{{{labels}{extra}}} {value!r}\n"
            if name in lines:
                lines[name].append(said)
            else:
                lines[name] = [said]
        for name in entry.names - lines.keys():
            self._chunks[name].pop(key, None)
        for name, told in lines.items():
            self._put(key, name, (told[0] if len(told) == 1 else "".join(told)).encode())
        entry.names = set(lines)

    def _put(self, key: PairKey, name: str, lines: bytes) -> None:
        chunks = self._chunks.get(name)
        if chunks is None:
            chunks = self._chunks[name] = {}
        chunks[key] = lines

    def _histogram_chunks(self) -> dict[str, dict[PairKey, bytes]]:
        found: dict[str, dict[PairKey, bytes]] = {}
        for key, entry in self._entries.items():
            if entry.histograms is not None:
                for name, lines in entry.histograms.render().items():
                    found.setdefault(name, {})[key] = lines
        return found


def wants_openmetrics(accept: str) -> bool:
    """Whether an Accept header prefers OpenMetrics to the text format."""
    wanted = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for item in accept.split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        if kind in wanted:
            wanted[kind] = max(wanted[kind], _quality(parameters))
    return wanted["application/openmetrics-text"] > 0 and wanted["application/openmetrics-text"] >= wanted["text/plain"]


def _quality(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def escape(value: str) -> str:
    """A label value as both formats want it."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _labels(values: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{escape(value)}"' for name, value in values.items())


def _pair_labels(pair: Pair) -> str:
    endpoint = pair.endpoint
    return _labels(
        {
            "service": endpoint.service,
            "feature": endpoint.feature,
            "endpoint": endpoint.name,
            "region": pair.region.name,
        }
    )


def _info(pair: Pair, labels: str) -> bytes:
    endpoint, location = pair.endpoint, pair.region.location
    more = {
        "kind": endpoint.kind,
        "url": endpoint.target,
        "host": _host(endpoint.target),
        "geohash": geohash(location.lat, location.lon) if location else "",
    }
    return f"probe_info{{{labels},{_labels(more)}}} 1\n".encode()


def _host(target: str) -> str:
    authority = target.partition("://")[2].partition("/")[0] or target
    host = authority.rpartition("@")[2]
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _families(pair: Pair) -> dict[str, Family]:
    module = kinds.module("probes", pair.endpoint.kind)
    found = module.families(pair.endpoint.options) if hasattr(module, "families") else module.FAMILIES
    return {family.name: family for family in found}


@lru_cache(maxsize=65536)
def _series(sample: SampleKey, family: Family) -> tuple[str, str]:
    """A sample's family name and the text of its own labels behind the pair's."""
    if isinstance(sample, str):
        return sample, ""
    extra = _labels(dict(zip(family.labels, sample[1:], strict=True)))
    return sample[0], f",{extra}" if extra else ""


@lru_cache(maxsize=65536)
def _failures_template(labels: str) -> str:
    escaped = labels.replace("%", "%%")
    return "".join(f'probe_failures_total{{{escaped},reason="{reason}"}} %d\n' for reason in Reason)


@lru_cache(maxsize=1024)
def _head(header: _Header, openmetrics: bool) -> bytes:
    name = header.name.removesuffix("_total") if openmetrics and header.kind == "counter" else header.name
    said = header.help.replace("\\", "\\\\").replace("\n", "\\n")
    return f"# HELP {name} {said}\n# TYPE {name} {header.kind}\n".encode()


def _judged(store: Store) -> dict[str, bytes]:
    seeing = [
        f'outage_region_seeing{{region="{escape(region)}"}} {int(sight.seeing)}\n'
        for region, sight in store.sights.items()
    ]
    states, verdicts = [], []
    for service, verdict in store.verdicts.items():
        for (feature, region), state in verdict.states.items():
            labels = _labels({"service": service, "feature": feature, "region": region})
            states += [f'outage_state{{{labels},state="{one}"}} {int(one is state)}\n' for one in State]
        label = f'service="{escape(service)}"'
        verdicts += [f'outage_verdict{{{label},verdict="{one}"}} {int(one is verdict.answer)}\n' for one in Answer]
    return {
        "outage_region_seeing": "".join(seeing).encode(),
        "outage_state": "".join(states).encode(),
        "outage_verdict": "".join(verdicts).encode(),
    }
