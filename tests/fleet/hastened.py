"""What ships for a fleet, fitted to one machine, with shorter times; nothing else of it changes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tests.servers.box import HERE, Box
from tests.servers.program import hastened

ROOT = Path(__file__).parents[2]
FLEET = ROOT / "deploy" / "fleet"
RULES = (ROOT / "alerts" / "rules", FLEET / "rules")

RANGES, WAITS = 40, 60
"""What durations in expressions, and those alerts wait for, are divided by: ten minutes are 15 s."""

LOOK_BACK = "8s"
"""Prometheus' five minutes, divided likewise."""

SCRAPED_EVERY = 2.0
"""Seconds."""

_PROBED_EVERY = 6.0

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DIVIDED = {"expr": RANGES, "for": WAITS, "keep_firing_for": WAITS}


def read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def write_agent(folder: Path, centre: str, exporter: str, itself: str) -> Path:
    """agent.yml of a site that has the centre, and the store beside it, at that address."""
    content = read(FLEET / "agent.yml")
    content["global"]["scrape_interval"] = f"{SCRAPED_EVERY:.0f}s"
    for job, target in zip(content["scrape_configs"], (exporter, itself), strict=True):
        (group,) = job["static_configs"]
        (shipped,) = group["targets"]
        # On machines of their own they would all be the same instance to their agents.
        group |= {"targets": [target], "labels": {"instance": shipped}}
    for store in content["remote_write"]:
        store["url"] = re.sub(r"//\w+:", f"//{centre}:", store["url"])
        store["remote_timeout"] = "5s"
        store["queue_config"]["batch_send_deadline"] = "1s"
    return _write(folder / "agent.yml", content)


def write_central(folder: Path) -> Path:
    """central.yml, with all rules, and the store on the same host."""
    content = read(FLEET / "central.yml")
    content["global"] |= dict.fromkeys(("scrape_interval", "evaluation_interval"), f"{SCRAPED_EVERY:.0f}s")
    content["rule_files"] = [str(_write_rules(folder, rules)) for rules in RULES]
    for store in content["remote_write"]:
        store["url"] = store["url"].replace("//store:", "//localhost:")
    return _write(folder / "central.yml", content)


def write_site(folder: Path, region: str, box: Box) -> tuple[Path, ...]:
    """The shipped configuration, run from the region of that name, which is local, and without strangers."""
    shipped = hastened(folder, _PROBED_EVERY)
    content = read(shipped)
    _write(shipped, content | {"regions": {region: content["regions"][HERE]}})
    return shipped, box.write_config(folder)


def _write_rules(folder: Path, rules: Path) -> Path:
    into = folder / rules.parent.name
    into.mkdir()
    for file in rules.glob("*.yml"):
        content = read(file)
        for group in content["groups"]:
            # Objectives look far back, which costs, and nothing here is about them.
            group["interval"] = "10s" if "slo" in group["name"] else f"{SCRAPED_EVERY:.0f}s"
            for rule in group["rules"]:
                rule |= {key: _divided(rule[key], by) for key, by in _DIVIDED.items() if key in rule}
        _write(into / file.name, content)
    return into / "*.yml"


def _divided(text: str, by: int) -> str:
    return re.sub(r"\b(\d+)([smhdw])\b", lambda found: f"{int(found[1]) * _SECONDS[found[2]] * 1000 // by}ms", text)


def _write(file: Path, content: Any) -> Path:
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file
