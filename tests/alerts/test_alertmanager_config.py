"""The shipped Alertmanager configuration, asked by amtool who is told what."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.servers.pages import SHIPPED

CONFIG = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
RULES = sorted((SHIPPED.parent / "rules").glob("*.yml"))


def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["amtool", *arguments], capture_output=True, text=True, check=False)


def routes(config: Path, expected: str, **labels: str) -> subprocess.CompletedProcess[str]:
    pairs = [f"{name}={value}" for name, value in labels.items()]
    return amtool("config", "routes", "test", f"--config.file={config}", f"--verify.receivers={expected}", *pairs)


def all_routes(route: dict[str, Any]) -> list[dict[str, Any]]:
    return [route, *(each for child in route.get("routes", []) for each in all_routes(child))]


def shipped_alerts() -> list[tuple[str, str]]:
    """(name, severity) of every alert that the rules ship."""
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    return sorted({(rule["alert"], rule["labels"]["severity"]) for rule in rules})


def test_amtool_accepts_it() -> None:
    done = amtool("check-config", str(SHIPPED))
    assert done.returncode == 0, done.stderr
    assert "SUCCESS" in done.stdout


TIKTOK = {"service": "tiktok"}
ROUTED = (
    ("a page wakes and is said in chat", "pager,chat", {"severity": "critical", "alertname": "OutageFeatureDown"}),
    ("a page of ours needs no service", "pager,chat", {"severity": "critical", "alertname": "OutageOwnLineCut"}),
    ("a warning is read and recorded", "email,chat", {"severity": "warning", "alertname": "OutageDegraded"}),
    ("news are read", "chat", {"severity": "info", "alertname": "OutageOfficialStatement"}),
    ("the watchdog goes to the dead man's switch and nowhere else", "deadman", {"alertname": "Watchdog"}),
    (
        "a broken pager is said every way there is",
        "pager,chat,email",
        {"severity": "critical", "alertname": "OutagePagesNotDelivered"},
    ),
    (
        "what fails to be delivered is mailed once though it only warns",
        "email,chat",
        {"severity": "warning", "alertname": "OutagePagesNotDelivered"},
    ),
    ("an alert without a severity is not lost", "chat", {"alertname": "SomebodyElses"}),
    ("an alert of an unknown severity is not lost", "chat", {"alertname": "SomebodyElses", "severity": "odd"}),
)


@pytest.mark.parametrize(("receivers", "labels"), [row[1:] for row in ROUTED], ids=[row[0] for row in ROUTED])
def test_who_is_told(receivers: str, labels: dict[str, str]) -> None:
    done = routes(SHIPPED, receivers, **labels, **TIKTOK)
    assert done.returncode == 0, done.stdout + done.stderr


# OutagePagesNotDelivered goes every way there is, as the table says.
BY_SEVERITY = {"critical": "pager,chat", "warning": "email,chat", "info": "chat", "none": "deadman"}


@pytest.mark.parametrize(
    ("name", "severity"), [each for each in shipped_alerts() if each[0] != "OutagePagesNotDelivered"]
)
def test_every_alert_that_ships_is_routed_by_its_severity(name: str, severity: str) -> None:
    done = routes(SHIPPED, BY_SEVERITY[severity], alertname=name, severity=severity)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_of_another_team_works_when_it_is_uncommented(tmp_path: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    example = re.search(r"( +)# routes:\n(?:\1#.*\n)+", text)
    assert example
    text = text.replace(example[0], example[0].replace("# ", "")) + "\n  - name: shop-pager\n"
    file = tmp_path / "alertmanager.yml"
    file.write_text(text, encoding="utf-8")
    assert routes(file, "shop-pager,chat", severity="critical", service="shop").returncode == 0
    assert routes(file, "pager,chat", severity="critical", service="tiktok").returncode == 0


def test_no_route_groups_by_region() -> None:
    groups = [route["group_by"] for route in all_routes(CONFIG["route"]) if "group_by" in route]
    assert groups == [["alertname", "service"]]


def test_only_what_does_not_wake_has_quiet_hours() -> None:
    muted = [route for route in all_routes(CONFIG["route"]) if "mute_time_intervals" in route]
    assert [route["matchers"] for route in muted] == [['severity=~"warning|info"']]


def test_only_a_page_inhibits() -> None:
    for rule in CONFIG["inhibit_rules"]:
        assert 'severity="critical"' in rule["source_matchers"], rule


def test_labels_that_are_compared_are_never_missing() -> None:
    for rule in CONFIG["inhibit_rules"]:
        for label in rule.get("equal", []):
            assert f'{label}!=""' in rule["source_matchers"], rule


def test_every_alert_that_an_inhibition_names_is_one_that_ships() -> None:
    named = {
        name
        for rule in CONFIG["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
        if matcher.startswith("alertname")
        for name in re.findall(r"\w+", matcher.partition('"')[2])
    }
    assert named - {"Outage"} <= {name for name, _ in shipped_alerts()}


def test_secrets_are_files_and_nothing_else() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert not re.search(r"\b(routing_key|service_key|api_url|smtp_auth_password|auth_password|credentials):", text)
    assert len(re.findall(r"_file: /etc/alertmanager/secrets/\w+", text)) == 4


def test_what_is_yours_to_set_is_at_example_com() -> None:
    addresses = re.findall(r"[\w.@-]+@[\w.-]+|smarthost: \S+|- url: \S+", SHIPPED.read_text(encoding="utf-8"))
    assert len(addresses) == 5
    assert all("example.com" in address for address in addresses)
