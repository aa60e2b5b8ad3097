"""One scenario through everything: the simulated exporter is scraped every 15 s, and promtool evaluates the rules.

At every scrape Python's answers are written down too, as series, and PromQL compares them with its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from exporter import replay
from exporter.metrics.timeline import Timeline
from exporter.model import NOT_THE_SERVICE, Answer, PastOutage
from exporter.simulation import Simulation
from tests.replays.promtool import STEP, Calculation, Labels, Series, groups

_SCRAPED = {"job": "outage-exporter", "instance": "localhost:19720"}
_FIRING = 'group by (alertname, service, feature, severity) (ALERTS{alertstate="firing", severity!="none"})'
_BOTH = (
    ("service_feature:outage_down:bool", "replay_feature_down", "service, feature"),
    ("service:outage_down:bool", "replay_service_down", "service"),
)
_AGREEING = tuple(f"group by ({on}) ({rule} == on ({on}) {python})" for rule, python, on in _BOTH)
# Also where one of them has an answer and the other has none.
_DIFFERING = tuple(
    f"group by ({on}) ({one} {unlike} on ({on}) {other})"
    for rule, python, on in _BOTH
    for one, unlike, other in ((rule, "!=", python), (rule, "unless", python), (python, "unless", rule))
)

# alerts/alertmanager.yml, in one line each: while the first fires, the second is not said of the same service.
_INHIBITED_BY = {
    "OutageFeatureDown": ("OutageServiceDown",),
    "OutageErrorBudgetBurn": ("OutageServiceDown", "OutageFeatureDown"),
}
_OWN_LINE = "OutageOwnLineCut"


@dataclass(frozen=True, slots=True)
class Page:
    """One notification: the alerts of a name about a service, said once. Seconds since the scenario's beginning."""

    alert: str
    service: str
    features: tuple[str, ...]
    fired_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a scenario: the pages; when each alert fired first, inhibited or not, by (severity, name).

    `agreed` and `disagreed` count comparisons of Python's quorum with PromQL's.
    """

    pages: tuple[Page, ...]
    first: dict[tuple[str, str], float]
    agreed: int
    disagreed: int


def wanted() -> frozenset[str]:
    """Names of the families that the rules read, as they stand in TYPE."""
    expressions = " ".join(rule["expr"] for group in groups() for rule in group["rules"])
    words = set(re.findall(r"\b(?:probe|outage)_\w+", expressions))
    return frozenset(words | {word.removesuffix("_total") for word in words})


class Scraping:
    """What scrapes one simulation."""

    def __init__(self, simulation: Simulation, outage: PastOutage | None = None) -> None:
        self.simulation = simulation
        self.timeline = Timeline(wanted())
        self._outage = outage

    def scrape(self) -> None:
        """One page, and Python's answers."""
        replay.show(self.timeline, self.simulation, self._outage)
        for name, verdict in self.simulation.store.verdicts.items():
            known = {feature: answer for feature, answer in verdict.features.items() if answer is not Answer.UNKNOWN}
            for feature, answer in known.items():
                self._note("replay_feature_down", answer is Answer.DOWN, service=name, feature=feature)
            if any(feature in known for feature in self._core(name)):
                self._note("replay_service_down", verdict.answer is Answer.DOWN, service=name)

    def until(self, end: float) -> None:
        """Scrape now and every 15 s until `end`, unix seconds."""
        while self.simulation.now <= end:
            self.simulation.advance(self.simulation.now)
            self.scrape()
            self.simulation.advance(self.simulation.now + STEP)

    def series(self) -> Series:
        """With the labels that a scrape adds, and what Prometheus itself knows of the target."""
        own = ",".join(f'{name}="{value}"' for name, value in _SCRAPED.items())
        steps = len(self.timeline.moments)
        found = {f"{name[:-1]},{own}}}": values for name, values in _thinned(self.timeline.series())}
        return {**found, f"up{{{own}}}": [1.0] * steps, f"outage_exporter_build_info{{{own}}}": [1.0] * steps}

    def measure(self) -> Measured:
        """Pages, warnings and agreement; promtool does the work."""
        calculation = Calculation(self.series())
        for expression in (_FIRING, *_AGREEING, *_DIFFERING):
            calculation.ask_when(expression)
        calculation.run()
        firing = calculation.steps(_FIRING)
        agreed, disagreed = (
            sum(len(steps) for expression in expressions for steps in calculation.steps(expression).values())
            for expressions in (_AGREEING, _DIFFERING)
        )
        return Measured(tuple(sorted(pages(firing), key=lambda page: page.fired_at)), _first(firing), agreed, disagreed)

    def _core(self, service: str) -> Iterator[str]:
        for one in self.simulation.store.config.services:
            if one.name == service:
                yield from (feature.name for feature in one.features if feature.core)

    def _note(self, name: str, value: bool, **labels: str) -> None:
        self.timeline.gauge(name, "Python's answer.", float(value), **labels)


def _thinned(series: Iterable[tuple[str, list[float | None]]]) -> Iterator[tuple[str, list[float | None]]]:
    """Without series that only cost promtool time: states that no rule reads, and failures that never occur.

    The rules add the latter up by service, region and whether the reason counts: one of each sum stays, as a 0 must.
    """
    zeros: set[tuple[str, ...]] = set()
    for name, values in series:
        if re.search(r'state="(?:blocked|unknown)"', name):
            continue
        if name.startswith("probe_failures_total{") and not any(values):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', name))
            of = (labels["service"], labels["region"], str(labels["reason"] in NOT_THE_SERVICE))
            if of in zeros:
                continue
            zeros.add(of)
        yield name, values


def _first(firing: dict[Labels, list[int]]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for labels, steps in firing.items():
        key = (dict(labels)["severity"], dict(labels)["alertname"])
        found[key] = min(found.get(key, float("inf")), steps[0] * STEP)
    return found


def pages(firing: dict[Labels, list[int]]) -> Iterator[Page]:
    """What the pager would show: groups of critical alerts by name and service that some moment lets through."""
    groups: dict[tuple[str, str], dict[str, set[int]]] = {}
    for labels, steps in firing.items():
        found = dict(labels)
        if found["severity"] == "critical":
            features = groups.setdefault((found["alertname"], found.get("service", "")), {})
            features.setdefault(found.get("feature", ""), set()).update(steps)
    for (alert, service), features in groups.items():
        steps = sorted(set().union(*features.values()))
        hidden: set[int] = set()
        for source in (*((name, service) for name in _INHIBITED_BY.get(alert, ())), (_OWN_LINE, "")):
            if source != (alert, service) and (service or source[0] != _OWN_LINE):
                hidden |= set().union(*groups.get(source, {}).values())
        for episode in _episodes(steps):
            said = [step for step in episode if step not in hidden]
            if said:
                about = tuple(sorted(name for name, held in features.items() if name and held & set(episode)))
                yield Page(alert, service, about, said[0] * STEP, (episode[-1] + 1) * STEP)


def _episodes(steps: Sequence[int]) -> Iterator[list[int]]:
    episode: list[int] = []
    for step in steps:
        if episode and step != episode[-1] + 1:
            yield episode
            episode = []
        episode.append(step)
    if episode:
        yield episode
