"""What a service's page shows, made of the site's state: templates only loop over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exporter.evidence import NOTHING, Evidence, Statement
from exporter.findings import BAD
from exporter.history import Outline
from exporter.history.incident import SEVERITY
from exporter.model import Answer, Cause, Config, Service, State
from exporter.verdict import Verdict
from exporter.web.outages import last_outage
from exporter.web.site import Site, link
from exporter.web.told import told

FEW_REGIONS = 6
"""So many stand side by side; of more, each is a line of its own."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another service that people can use meanwhile, if it is up."""

    name: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Quote:
    """What officials say: `by` whom, `at` when (unix seconds, None when unsaid); `url` may be empty."""

    by: str
    words: str
    url: str
    at: float | None


@dataclass(frozen=True, slots=True)
class Grid:
    """States by feature and region, None where nothing is probed. `by_region`: a line is a region, else a feature."""

    by_region: bool
    columns: tuple[str, ...]
    lines: tuple[tuple[str, tuple[State | None, ...]], ...]


@dataclass(frozen=True, slots=True)
class View:
    """A service at a time. Times are unix seconds.

    `since` is the first evidence of what is wrong, or of our not knowing, None while it is up; `started` that of the
    incident that is open. `sentences` are the evidence without the `quotes`, which are shown with their links.
    `hit_features` and `hit_regions` are those in which something is wrong; `last` is the last outage that is over.
    `checked` is when it was last probed, to the minute, None before the first.
    """

    service: Service
    config: Config
    verdict: Verdict
    pending: bool
    since: float | None
    started: float | None
    sentences: tuple[str, ...]
    quotes: tuple[Quote, ...]
    silent: tuple[str, ...]
    hit_features: tuple[str, ...]
    hit_regions: tuple[str, ...]
    regions: tuple[str, ...]
    blind: tuple[str, ...]
    grid: Grid
    last: Outline | None
    alternatives: tuple[Alternative, ...]
    advice: str
    takes_reports: bool
    checked: float | None

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def title(self) -> str:
        return self.service.title

    @property
    def answer(self) -> Answer:
        return self.verdict.answer

    @property
    def fine_features(self) -> tuple[str, ...]:
        """Those that are up."""
        return tuple(name for name, answer in self.verdict.features.items() if answer is Answer.UP)

    @property
    def support(self) -> str:
        return link(self.service.support)


def view(site: Site, name: str) -> View:
    """Of a service that is configured; KeyError when it is not."""
    store = site.store
    verdict, evidence = store.verdicts[name], store.evidence.get(name, NOTHING)
    service = store.config.service(name)
    incident = site.history.incidents.open_incident(name)
    regions = tuple(dict.fromkeys(region for _, region in verdict.states))
    pending = verdict.answer is Answer.UNKNOWN and all(sees.pending for sees in store.sights.values())
    return View(
        service=service,
        config=store.config,
        verdict=verdict,
        pending=pending,
        since=None if verdict.answer is Answer.UP else verdict.since or store.since.get(name),
        started=incident.started if incident else None,
        sentences=told(verdict),
        quotes=tuple(_quote(statement, evidence) for statement in evidence.statements),
        silent=evidence.silent,
        hit_features=tuple(one for one, answer in verdict.features.items() if answer in SEVERITY),
        hit_regions=_hit(verdict, regions),
        regions=regions,
        blind=tuple(region for region in regions if not store.sights[region].seeing),
        grid=grid(verdict, regions),
        last=last_outage(site, name),
        alternatives=_alternatives(site, service),
        advice=_advice(verdict, pending),
        takes_reports=site.intake is not None and site.intake.signal is not None and name in site.intake.services,
        checked=_checked(site, service, regions),
    )


def grid(verdict: Verdict, regions: Sequence[str]) -> Grid:
    features = tuple(verdict.features)
    by_region = len(regions) > FEW_REGIONS
    lines, columns = (regions, features) if by_region else (features, regions)
    return Grid(
        by_region,
        tuple(columns),
        tuple(
            (line, tuple(verdict.states.get((column, line) if by_region else (line, column)) for column in columns))
            for line in lines
        ),
    )


def _quote(statement: Statement, evidence: Evidence) -> Quote:
    notice = statement.notice
    return Quote(evidence.title(statement.signal), notice.quote or notice.title, link(notice.url), notice.opened_at)


def _hit(verdict: Verdict, regions: Iterable[str]) -> tuple[str, ...]:
    hit = {region for (_, region), state in verdict.states.items() if state in BAD}
    return tuple(region for region in regions if region in hit)


def _alternatives(site: Site, service: Service) -> tuple[Alternative, ...]:
    """Those that are up first."""
    verdicts = site.store.verdicts
    found = [Alternative(name, verdicts[name]) for name in service.alternatives if name in verdicts]
    return tuple(sorted(found, key=lambda one: one.verdict.answer is not Answer.UP))


def _advice(verdict: Verdict, pending: bool) -> str:
    """Which advice fits, as a part of the texts' keys."""
    if verdict.answer is Answer.UNKNOWN:
        return "line" if verdict.cause is Cause.OWN_LINE and not pending else "unknown"
    return {Answer.UP: "up", Answer.DEGRADED: "degraded"}.get(verdict.answer, "down")


def _checked(site: Site, service: Service, regions: Iterable[str]) -> float | None:
    keys = ((service.name, end.name, where) for one in service.features for end in one.endpoints for where in regions)
    found = (site.store.records.get(key) for key in keys)
    newest = max((record.track.last_at for record in found if record is not None), default=0.0)
    return newest // 60 * 60 if newest else None
