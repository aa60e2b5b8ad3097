"""The rules that ship, held by the real promtool and read as YAML: what fires, what stays silent, what people are told.

`PROMTOOL` names another binary than Debian's, so that the same tests run on the 3.x line.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alerts.metrics import FROM_THE_STACK, OF_THE_EXPORTER

ALERTS = Path(__file__).parents[2] / "alerts"
RULES = sorted((ALERTS / "rules").glob("*.yml"))
UNIT_TESTS = sorted((ALERTS / "tests").glob("*.yml"))
PROMTOOL = os.environ.get("PROMTOOL", "promtool")

ALWAYS_FIRES = {"Watchdog"}
"""It has no harmless twin."""

ADDRESSES = "https://github.com/outage-exporter/outage-exporter/blob/main/alerts/runbooks/"
DASHBOARDS = ("outage-service", "outage-endpoint", "outage-history", "outage-stack")
SEVERITIES = ("critical", "warning", "info", "none")
BRIEF = 5400.0
"""Simulated seconds; an hour of all rules takes promtool one or two."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

PHONE = 110
"""Characters of a first line that a lock screen shows."""


def promtool(*arguments: str | Path) -> None:
    """Runs it; what it complains about is the failure."""
    done = subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@cache
def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


GROUPS = [group for path in RULES for group in read(path)["groups"]]
RULES_OF_ALL = [rule for group in GROUPS for rule in group["rules"]]
RECORDS = [rule for rule in RULES_OF_ALL if "record" in rule]
ALERTS_OF_ALL = [rule for rule in RULES_OF_ALL if "alert" in rule]
CASES = [case for path in UNIT_TESTS for test in read(path)["tests"] for case in test.get("alert_rule_test", ())]
TOLD = [alert["exp_annotations"] for case in CASES for alert in case["exp_alerts"]]


def name_of(rule: dict[str, Any]) -> str:
    window = rule.get("labels", {}).get("window")
    return f"{rule['alert']}-{window}" if window else str(rule["alert"])


each_alert = pytest.mark.parametrize("alert", ALERTS_OF_ALL, ids=name_of)


def test_the_rules_are_correct_by_promtool() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)


def last_look(test: dict[str, Any]) -> float:
    """Seconds that promtool has to simulate for a unit test."""
    looks = [look for kind in ("alert_rule_test", "promql_expr_test") for look in test.get(kind, ())]
    parts = [re.findall(r"(\d+)([smhd])", look["eval_time"]) for look in looks]
    return max(sum(int(number) * _SECONDS[unit] for number, unit in each) for each in parts)


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_the_rules_do_what_their_unit_tests_say(path: Path, tmp_path: Path) -> None:
    """Those that are soon over, or all of a file that has none such; `long_rules.py` has every one."""
    whole = read(path)
    part = [test for test in whole["tests"] if last_look(test) <= BRIEF] or whole["tests"]
    files = [str(path.parent / file) for file in whole["rule_files"]]
    brief = tmp_path / path.name
    brief.write_text(yaml.safe_dump(whole | {"rule_files": files, "tests": part}), encoding="utf-8")
    promtool("test", "rules", brief)


def test_every_alert_fires_in_a_test_that_spells_out_all_that_it_says() -> None:
    """Each window of the error budget is an alert of its own."""
    fired = {(case["alertname"], alert["exp_labels"].get("window")) for case in CASES for alert in case["exp_alerts"]}
    assert fired == {(alert["alert"], alert["labels"].get("window")) for alert in ALERTS_OF_ALL}
    for told in TOLD:
        assert told.keys() == {"summary", "description", "runbook_url", "dashboard_url"}


def test_every_alert_stays_silent_in_a_test() -> None:
    silent = {case["alertname"] for case in CASES if not case["exp_alerts"]}
    assert silent == {alert["alert"] for alert in ALERTS_OF_ALL} - ALWAYS_FIRES


def test_every_unit_test_is_named_by_a_sentence_of_its_own() -> None:
    names = [test["name"] for path in UNIT_TESTS for test in read(path)["tests"]]
    assert [name for name in names if not re.fullmatch(r"[A-Z].* .*\.", name)] == []
    assert [name for name, count in Counter(names).items() if count > 1] == []


@each_alert
def test_an_alert_is_called_outage_something(alert: dict[str, Any]) -> None:
    assert alert["alert"] == "Watchdog" or re.fullmatch(r"Outage([A-Z][a-z]+)+", alert["alert"])


@each_alert
def test_an_alert_has_a_severity_that_is_routed(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in SEVERITIES


@each_alert
def test_a_summary_is_one_static_sentence(alert: dict[str, Any]) -> None:
    assert re.fullmatch(r"[A-Z][^{}\n.]*\.", alert["annotations"]["summary"])


@each_alert
def test_an_alert_leads_to_a_runbook_that_exists(alert: dict[str, Any]) -> None:
    url = alert["annotations"]["runbook_url"]
    assert url == f"{ADDRESSES}{alert['alert']}.md"
    assert (ALERTS / "runbooks" / f"{alert['alert']}.md").is_file()


@each_alert
def test_an_alert_leads_to_a_dashboard(alert: dict[str, Any]) -> None:
    found = re.match(r"http://localhost:3000/d/([a-z-]+)(\?var-service=|$)", alert["annotations"]["dashboard_url"])
    assert found
    assert found[1] in DASHBOARDS


@pytest.mark.parametrize("told", TOLD, ids=lambda told: told["runbook_url"].rpartition("/")[2])
def test_a_description_reads_well(told: dict[str, str]) -> None:
    lines = told["description"].splitlines()
    assert len(lines) > 1
    for line in lines:
        assert re.fullmatch(r"\S.*\.", line), line
        assert not re.search(r"  | [.,;:]|\.\.|[{}<>]|NaN|%!|no value", line), line
    assert re.search(rf"^Do: |runbook {told['runbook_url'].rpartition('/')[2].removesuffix('.md')}\.", lines[-1])
    assert len(lines[0]) <= PHONE, lines[0]


def test_nothing_is_named_twice() -> None:
    groups = Counter(group["name"] for group in GROUPS)
    records = Counter(rule["record"] for rule in RECORDS)
    alerts = Counter(name_of(rule) for rule in ALERTS_OF_ALL)
    assert [name for names in (groups, records, alerts) for name, count in names.items() if count > 1] == []


def test_a_record_is_named_by_level_metric_and_operation() -> None:
    by_sloth = re.compile(r"slo:[a-z_]+:(ratio|days|ratio_rate\d+[mhd])|sloth_slo_info")
    ours = re.compile(r"[a-z]+(_[a-z]+)*:(outage|slo)_[a-z_]+:[a-z0-9]+")
    names = [rule["record"] for rule in RECORDS]
    assert [name for name in names if not (by_sloth.fullmatch(name) or ours.fullmatch(name))] == []


def test_rules_look_only_at_metrics_that_exist() -> None:
    """Those in annotations too: a query for a misspelt name says "not known" for ever."""
    known = {rule["record"] for rule in RECORDS} | OF_THE_EXPORTER | FROM_THE_STACK
    assert {name for rule in RULES_OF_ALL for text in queries(rule) for name in metrics(text)} - known == set()


def queries(rule: dict[str, Any]) -> list[str]:
    """PromQL of a rule, that of its description included."""
    described = rule.get("annotations", {}).get("description", "")
    quoted = re.findall(r'(?:query|printf) "((?:[^"\\]|\\.)*)"', described)
    return [rule["expr"], *(text for text in quoted if "(" in text or "{" in text)]


_WORDS = re.compile(
    "absent|and|bool|by|count|count_over_time|group|group_left|ignoring|increase|label_replace|last_over_time|max|"
    "max_over_time|min|min_over_time|offset|on|or|present_over_time|rate|sort_desc|sum|sum_over_time|time|topk|unless|"
    "vector|without"
)


def metrics(query: str) -> set[str]:
    """The names in a query that are not labels, functions or keywords."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]", "", query.replace("%s", "bool"))
    bare = re.sub(r"\{[^}]*\}|\b(by|on|ignoring|without|group_left)\s*\([^)]*\)|\boffset\s+\w+", " ", bare)
    return {name for name in re.findall(r"(?<![\w:.])[a-zA-Z_][\w:]*", bare) if not _WORDS.fullmatch(name)}


def test_the_exporter_exposes_what_the_rules_look_at() -> None:
    """By the page that is compared byte for byte, and by the source for what a page of one scrape need not have."""
    page = (Path(__file__).parents[1] / "metrics" / "golden.prom").read_text(encoding="utf-8")
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in (ALERTS.parent / "exporter").rglob("*.py") if path.is_file()
    )
    own = {name for name in OF_THE_EXPORTER if name.startswith("outage_exporter_")}
    assert [name for name in OF_THE_EXPORTER - own if name not in page and f'"{name}"' not in source] == []
    said = {name: name.removeprefix("outage_exporter_").removesuffix("_total") for name in own}
    assert [name for name, stem in said.items() if stem not in source] == []
