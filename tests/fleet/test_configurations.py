"""What ships for a fleet: real programs take it, and it says what the configuration of one machine says."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.derived import SHIPPED_PROMETHEUS
from tests.alerts.metrics import FROM_THE_STACK, OF_THE_EXPORTER
from tests.deploy.commands import ROOT, run
from tests.fleet.hastened import FLEET, read
from tests.probing import needs

RULES = FLEET / "rules" / "fleet.yml"
UNIT_TESTS = sorted((FLEET / "tests").glob("*.yml"))
ALERTS = [rule for group in read(RULES)["groups"] for rule in group["rules"] if "alert" in rule]

ONE, AGENT, CENTRAL = read(SHIPPED_PROMETHEUS), read(FLEET / "agent.yml"), read(FLEET / "central.yml")
OF_THE_FLEET = {"outage_reports_accepted_total", "prometheus_remote_storage_samples_failed_total"}
"""Metrics that only the rules of a fleet look at."""


def jobs(configuration: dict[str, Any]) -> dict[str, Any]:
    return {job["job_name"]: job for job in configuration["scrape_configs"]}


def test_prometheus_takes_both_files_and_the_rules() -> None:
    said = run("promtool", "check", "config", FLEET / "central.yml")
    assert said.count("rules found") >= len(list((ROOT / "alerts" / "rules").glob("*.yml"))) + 1
    run("promtool", "check", "config", "--agent", FLEET / "agent.yml")
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_the_agent_of_victoria_metrics_takes_the_same_file() -> None:
    needs("vmagent")
    run(
        "vmagent",
        "-dryRun",
        f"-promscrape.config={FLEET / 'agent.yml'}",
        "-promscrape.config.strictParse=false",
        "-remoteWrite.url=http://central:9090/api/v1/write",
        f"-remoteWrite.urlRelabelConfig={FLEET / 'relabel.yml'}",
    )


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_the_rules_do_what_their_unit_tests_say(path: Path) -> None:
    run(os.environ.get("PROMTOOL", "promtool"), "test", "rules", path)


def test_agents_scrape_exporters_and_the_centre_the_rest_as_on_one_machine() -> None:
    assert jobs(AGENT)["outage-exporter"] == jobs(ONE)["outage-exporter"]
    assert jobs(CENTRAL) == {name: job for name, job in jobs(ONE).items() if name != "outage-exporter"}
    assert (
        AGENT["global"]["scrape_interval"] == ONE["global"]["scrape_interval"] == CENTRAL["global"]["scrape_interval"]
    )


def test_the_centre_evaluates_the_rules_of_one_machine_as_often_and_tells_the_same() -> None:
    assert CENTRAL["rule_files"][: len(ONE["rule_files"])] == ONE["rule_files"]
    assert CENTRAL["alerting"] == ONE["alerting"]
    assert CENTRAL["global"]["evaluation_interval"] == ONE["global"]["evaluation_interval"]


def test_no_rule_and_no_dashboard_asks_for_what_agents_leave_out() -> None:
    left_out = [
        re.compile(rule["regex"]) for job in AGENT["scrape_configs"] for rule in job.get("metric_relabel_configs", ())
    ]
    assert left_out
    texts = [path.read_text(encoding="utf-8") for path in (*(ROOT / "grafana" / "dashboards").glob("*.json"), RULES)]
    asked = (OF_THE_EXPORTER | set(re.findall(r"\bprobe_\w+", " ".join(texts)))) - FROM_THE_STACK
    assert len(asked) > len(OF_THE_EXPORTER)
    assert not [name for name in asked if any(pattern.fullmatch(name) for pattern in left_out)]


def test_both_kinds_of_agents_name_instances_alike() -> None:
    ways = [store["write_relabel_configs"] for store in AGENT["remote_write"]]
    assert ways == [yaml.safe_load((FLEET / "relabel.yml").read_text(encoding="utf-8"))] * len(ways)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_has_a_runbook_a_test_in_which_it_fires_and_one_in_which_it_does_not(alert: dict[str, Any]) -> None:
    name = alert["alert"]
    assert alert["annotations"]["runbook_url"].endswith(f"/deploy/fleet/runbooks/{name}.md")
    text = (FLEET / "runbooks" / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"^#+ (.+)$", text, re.MULTILINE) == [name, "Meaning", "Impact", "Diagnosis", "Mitigation"]
    cases = [case for path in UNIT_TESTS for test in read(path)["tests"] for case in test.get("alert_rule_test", ())]
    assert {bool(case["exp_alerts"]) for case in cases if case["alertname"] == name} == {True, False}


def test_the_rules_look_only_at_metrics_that_exist() -> None:
    rules = [rule for group in read(RULES)["groups"] for rule in group["rules"]]
    known = OF_THE_EXPORTER | FROM_THE_STACK | OF_THE_FLEET | {rule["record"] for rule in rules if "record" in rule}
    for rule in rules:
        expression = re.sub(r"\{[^}]*\}", "", rule["expr"])
        asked = re.findall(r"(?<![\w:])(?:\w+:)?(?:outage|probe|prometheus)_\w+(?::\w+)?", expression)
        assert set(asked) <= known, rule
