"""One scenario through everything: the simulated exporter is scraped every 15 s, and promtool evaluates the rules.

At every scrape Python's answers are written down too, as series, and PromQL compares them with its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from exporter import replay
from exporter.metrics.timeline import Timeline
from exporter.model import NOT_THE_SERVICE, Answer, Cause, Confidence
from exporter.simulation import Simulation
from exporter.verdict import Verdict, feature_answer
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


@dataclass(frozen=True, slots=True)
class Said:
    """What TikTok's verdict said from `at`, unix seconds, on."""

    at: float
    answer: Answer
    blocked_in: tuple[str, ...]
    cause: Cause
    because: str
    confidence: Confidence


class Scraping:
    """What scrapes one simulation; `said` is what was new in TikTok's verdict."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.timeline = Timeline(wanted())
        self.said: list[Said] = []

    def scrape(self) -> None:
        """One page, and Python's answers."""
        replay.show(self.timeline, self.simulation)
        for name, verdict in self.simulation.store.verdicts.items():
            known = dict(_probed(verdict))
            for feature, answer in known.items():
                self._note("replay_feature_down", answer is Answer.DOWN, service=name, feature=feature)
            if any(feature in known for feature in self._core(name)):
                self._note("replay_service_down", verdict.probed is Answer.DOWN, service=name)
        self._listen(self.simulation.store.verdicts["tiktok"])

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

    def _listen(self, verdict: Verdict) -> None:
        changed = [at for at, change in self.simulation.changes if change.service == "tiktok" and not change.feature]
        is_new = not self.said or self.said[-1].answer is not verdict.answer
        said = Said(
            changed[-1] if is_new and changed else self.simulation.now,
            verdict.answer,
            verdict.blocked_in,
            verdict.cause,
            verdict.because,
            verdict.confidence,
        )
        if not self.said or replace(said, at=self.said[-1].at, because=self.said[-1].because) != self.said[-1]:
            self.said.append(said)

    def _core(self, service: str) -> Iterator[str]:
        for one in self.simulation.store.config.services:
            if one.name == service:
                yield from (feature.name for feature in one.features if feature.core)

    def _note(self, name: str, value: bool, **labels: str) -> None:
        self.timeline.gauge(name, "Python's answer.", float(value), **labels)


def _probed(verdict: Verdict) -> Iterator[tuple[str, Answer]]:
    """Features' answers by our probes alone, where there is one: people have no say in the quorum."""
    for name in verdict.features:
        answer = feature_answer(state for (feature, _), state in verdict.states.items() if feature == name)
        if answer is not Answer.UNKNOWN:
            yield name, answer


def _thinned(series: Iterable[tuple[str, list[float | None]]]) -> Iterator[tuple[str, list[float | None]]]:
    """Without series that only cost promtool time: states that no rule reads or that never are, failures of none.

    The rules add the latter up by service, region and whether the reason counts: one of each sum stays, as a 0 must.
    """
    zeros: set[tuple[str, ...]] = set()
    for name, values in series:
        if re.search(r'^outage_state.*state="unknown"', name) or ('state="blocked"' in name and not any(values)):
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
