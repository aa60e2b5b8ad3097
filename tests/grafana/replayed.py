"""A documented outage in Prometheus' own format: its pages, and what the shipped rules record and fire meanwhile.

The rules are evaluated by `promtool test rules` and not by `promtool tsdb create-blocks-from rules`, which knows no
alerts, and of rules that build on one another only the first. Long outages lose their middle, as in `tests/replays`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from exporter import config, replay
from exporter.history import History, Statistics
from exporter.history.availability import GAP
from exporter.metrics import availability
from exporter.metrics.timeline import Timeline
from exporter.model import PastOutage
from exporter.readings import Crowd, Heard
from exporter.simulation import Listen, Simulation
from grafana.asking import Window
from tests.replays.measure import wanted
from tests.replays.promtool import notation
from tests.stack.prometheus import RULES

STEP = 60.0
"""Seconds between two scrapes."""

REGIONS = ("us-east", "us-central", "us-west", "gb", "jp")
"""Three of five are in the country that most outages hit: half or more, so that people are paged."""

BEFORE, LASTS, AFTER = 1800.0, 2700.0, 1200.0
"""Seconds of calm, of the outage, and of the time behind it."""

SEEN_AFTER = 2400.0
"""Seconds into the outage: the moment that is looked at, when everything has been said."""

TARGET = {"job": "outage-exporter", "instance": "localhost:19720"}

_RECORDED = '{__name__=~"[a-z_]+:.+|sloth_slo_info|ALERTS|ALERTS_FOR_STATE"}'
_GOT = re.compile(r"time: ([\dhms]+),\s*\n +exp: ?.*\n +got: ?(.*)$", re.MULTILINE)
_SAMPLE = re.compile(r'(\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}) (\S+?)(?:, (?=\{)|$)')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Replayed:
    """OpenMetrics with timestamps; the window that ends amid the first outage, and that of everything."""

    text: str
    window: Window
    whole: Window


def replayed(names: Sequence[str], folder: Path) -> Replayed:
    """The documented outages of these names; `folder` is for what promtool reads.

    The first is replayed at its own time, the others behind it, as if they had been on that day.
    """
    outages = list(_behind_one_another(names))
    loaded = config.load([config.shipped()], {})
    scenes = [replay.scene(loaded, outage, REGIONS, histograms=True) for outage in outages]
    timeline = Timeline()
    start, end = outages[0].start - BEFORE, outages[-1].end + AFTER
    effects = [effect for scene in scenes for effect in scene.effects]
    simulation = Simulation(scenes[0].config, effects, start - replay.SETTLING, _heard(scenes, start, end))
    history = History(folder / "history")
    for number in range(round((end - start) / STEP) + 1):
        _advance(simulation, history, start + number * STEP)
        replay.show(timeline, simulation)
        timeline.page(availability.pieces(_statistics(simulation, history), openmetrics=True))
        timeline.gauge("up", "Whether the scrape succeeded.", 1.0)
        timeline.gauge("outage_exporter_build_info", "What runs.", 1.0, version="replayed", python="3")
    history.close()
    families = dict(timeline.series())
    recorded = "".join(_openmetrics(_evaluated(families, folder), start))
    seen = outages[0].start + SEEN_AFTER
    text = _targeted(timeline) + recorded + "# EOF\n"
    return Replayed(text, Window(start, seen, STEP), Window(start, end, STEP))


def _behind_one_another(names: Sequence[str]) -> Iterator[PastOutage]:
    known = {each.name: each for each in config.past_outages()}
    for place, name in enumerate(names):
        begun = known[names[0]].start + place * (BEFORE + LASTS + AFTER)
        outage = known[name]
        yield replace(outage, start=begun, end=begun + min(outage.end - outage.start, LASTS))


def _heard(scenes: Sequence[replay.Scene], start: float, end: float) -> Listen:
    """What people and officials said in whichever outage is the next that ends."""
    ends = [scene.outage.end + AFTER for scene in scenes]
    begun = [start - replay.SETTLING, *ends[:-1]]
    said = [
        replay.listen(scene.config, scene.outage, since, until, STEP)
        for scene, since, until in zip(scenes, begun, ends, strict=True)
    ]

    def heard(at: float) -> tuple[Mapping[str, Heard], Sequence[Crowd]]:
        return next(listen for listen, until in zip(said, ends, strict=True) if at < until or until == end)(at)

    return heard


def _advance(simulation: Simulation, history: History, until: float) -> None:
    """As the exporter does it: time in which nobody judges for long is not known to the history."""
    for seconds in range(round(STEP - GAP), -1, -round(GAP)):
        simulation.advance(until - seconds)
        for verdict in simulation.store.verdicts.values():
            history.incidents.note(verdict, simulation.now)


def _statistics(simulation: Simulation, history: History) -> dict[str, Statistics]:
    return {name: history.incidents.statistics(name, simulation.now) for name in simulation.store.verdicts}


def blocks(text: str, folder: Path) -> None:
    """Make Prometheus' blocks of it in `folder`, before it starts there."""
    source = folder.parent / "replayed.txt"
    source.write_text(text, encoding="utf-8")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(source), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    source.unlink()


def _targeted(timeline: Timeline) -> str:
    """The pages with the labels that a scrape adds, without the end."""
    own = ",".join(f'{name}="{value}"' for name, value in TARGET.items())
    text = "".join(timeline.openmetrics()).removesuffix("# EOF\n")
    return re.sub(
        r"^(\w+)(?:\{\}|(\{.*)\}) ", lambda found: _labelled(found[1], found[2], own), text, flags=re.MULTILINE
    )


def _labelled(name: str, labels: str | None, own: str) -> str:
    return f"{name}{labels},{own}}} " if labels else f"{name}{{{own}}} "


def _evaluated(series: Mapping[str, Sequence[float | None]], folder: Path) -> Iterator[tuple[float, str, float]]:
    """What the rules make of it: seconds since the first moment, the series, its value."""
    read = wanted()
    own = ",".join(f'{name}="{value}"' for name, value in TARGET.items())
    steps = len(next(iter(series.values())))
    given = [
        {"series": _joined(name, own), "values": notation(values)}
        for name, values in series.items()
        if name.partition("{")[0] in read or name.startswith("up")
    ]
    asked = [
        {"expr": _RECORDED, "eval_time": f"{step * STEP:g}s", "exp_samples": [{"labels": '{never="so"}', "value": 0}]}
        for step in range(steps)
    ]
    rules = sorted(map(str, RULES.glob("*.yml")))
    test = {"interval": f"{STEP:g}s", "input_series": given, "promql_expr_test": asked}
    file = folder / "rules-test.json"
    file.write_text(json.dumps({"rule_files": rules, "evaluation_interval": f"{STEP:g}s", "tests": [test]}), "utf-8")
    ran = subprocess.run(
        ["promtool", "test", "rules", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GOGC": "400"},
    )
    for found in _GOT.finditer(ran.stdout + ran.stderr):
        for labels, value in _SAMPLE.findall(found[2]):
            yield _seconds(found[1]), labels, float(value)


def _openmetrics(found: Iterable[tuple[float, str, float]], start: float) -> Iterator[str]:
    """Families together; promtool's clock begins with 1970, ours at `start`, unix seconds."""
    families: dict[str, list[str]] = {}
    for at, text, value in found:
        labels = dict(_LABEL.findall(text))
        name = labels.pop("__name__")
        # Its value is a time.
        shown = value + start if name == "ALERTS_FOR_STATE" else value
        told = ",".join(f'{label}="{each}"' for label, each in labels.items())
        families.setdefault(name, []).append(f"{name}{{{told}}} {shown!r} {start + at:.3f}\n")
    for name, samples in families.items():
        yield f"# TYPE {name} gauge\n"
        yield from samples


def _joined(name: str, own: str) -> str:
    """A series with the labels that a scrape adds."""
    return f"{name[:-1]}{'' if name.endswith('{}') else ','}{own}}}"


def _seconds(text: str) -> float:
    """A duration of promtool's, such as `1h5m`."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", text))
