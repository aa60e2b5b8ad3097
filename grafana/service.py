"""Is it down? What a wall screen shows, and what an alert's link opens: the answer, where, since when, and why."""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.builders.dashboard import Dashboard

from exporter.spikes import GLARING, UNUSUAL
from grafana import frame, looks
from grafana.frame import Panel
from grafana.looks import Link
from grafana.panels import (
    Column,
    Query,
    columns,
    lines,
    names,
    timeline,
    values,
    word,
    world,
)
from grafana.words import ANSWERS, GREEN, GREY, OPEN, ORANGE, RED, STATES, YELLOW, worst

UID = frame.SERVICE

ONE = 'service="$service"'
SOME = 'service="$service", feature=~"$feature"'

COUNTED = 'reason!~"blocked|vantage|internal"'
"""The reasons that count against a service."""

WINDOWS = ("5m", "30m", "1h", "6h")
PER_BUDGET = f"/ on () group_left () max(slo:error_budget:ratio{{{ONE}}})"

_ENDPOINTS = Link(
    "Its endpoints",
    f"/d/{frame.ENDPOINT}?var-service=${{service}}&var-feature=${{__field.labels.feature}}"
    "&var-region=${__field.labels.region}&${__url_time_range}",
)
_RUNBOOK = Link("Runbook", f"{frame.RUNBOOKS}/${{__data.fields.alertname}}.md")


def board() -> Dashboard:
    """For one service; `feature` narrows what is shown by feature."""
    made = frame.frame(UID, "Whether a service is down, where, since when, and how we know.", "now-6h", "30s")
    made.with_variable(frame.choice("service", "Service", "label_values(outage_service_info, service)", "tiktok"))
    made.with_variable(frame.choices("feature", "Feature", f"label_values(outage_feature_info{{{ONE}}}, feature)"))
    made.with_variable(frame.hidden("title", f"label_values(outage_service_info{{{ONE}}}, title)"))
    made.annotation(frame.alerts('service=~"|$service"'))
    for each in frame.evidence(ONE, 'scope="$service"'):
        made.annotation(each)
    frame.fill(
        made,
        ("The answer", _answer()),
        ("Where", _where()),
        ("What people and officials say", _others()),
        ("How much it fails", _objective()),
    )
    return made


def _answer() -> Iterator[Panel]:
    answer = Query(worst("outage_verdict", "verdict", ANSWERS, "service", ONE), "{{service}}")
    yield word("Is $title down?", "The exporter's verdict over all regions.", answer, ANSWERS, size=(6, 6))
    since = Query(f"1000 * max by (service) (outage_verdict_since_timestamp_seconds{{{ONE}}})")
    yield values(
        "Since",
        "First evidence of what is wrong; while it is up, since when.",
        since,
        unit="dateTimeFromNow",
        size=(4, 3),
    )
    cause = Query(f"max by (cause) (outage_cause{{{ONE}}}) == 1", "{{cause}}")
    yield names("Likely cause", "The first that some reading speaks for.", cause, "nothing is wrong", size=(5, 3))
    sure = Query(f"max by (confidence) (outage_confidence{{{ONE}}}) == 1", "{{confidence}}")
    yield names("Confidence", "How sure the verdict is.", sure, "no data", size=(4, 3))
    yield values(
        "Regions that see it down",
        "Of the feature that is down in most regions. Regions that are blind or blocked do not vote.",
        Query(f"max(service_feature:outage_regions_down:count{{{ONE}}})", "down"),
        Query(f"max(service_feature:outage_regions_voting:count{{{ONE}}})", "vote"),
        size=(5, 3),
    )
    instead = Query(f"max by (title) (service:outage_alternative_up:info{{{ONE}}})", "{{title}}")
    yield (
        names("Works meanwhile", "Alternatives that no region sees down.", instead, "none known", GREEN, size=(18, 3))
    )


def _where() -> Iterator[Panel]:
    state = worst("outage_state", "state", STATES, "feature, region", SOME)
    yield (
        timeline(
            "Features by region",
            "What probes found of each feature in each region. Blocked and unknown cast no vote.",
            Query(state, "{{feature}} · {{region}}"),
            words=STATES,
            size=(14, 18),
        ).override_by_regexp(".*", looks.leading(_ENDPOINTS))
    )
    yield world(
        "Regions",
        "The worst state of the chosen features in each region that has a location in the configuration.",
        f'group by (region, geohash) (probe_info{{{ONE}, geohash!=""}})\n'
        f"* on (region) group_left ()\n{worst('outage_state', 'state', STATES, 'region', SOME)}",
        STATES,
        size=(10, 10),
    )
    firing = f'ALERTS_FOR_STATE{{{ONE}}} and ignoring (alertstate) ALERTS{{{ONE}, alertstate="firing"}}'
    yield (
        columns(
            "Alerts that fire",
            "For this service; a name leads to its runbook.",
            {"alertname": "Alert", "severity": "Severity", "feature": "Feature", "region": "Region"},
            Column("For", f"max by (alertname, severity, feature, region) (time() - ({firing}))", unit="s", decimals=0),
            size=(10, 8),
        )
        .override_by_name("Alert", looks.leading(_RUNBOOK))
        .no_value("none")
    )


def _others() -> Iterator[Panel]:
    yield (
        lines(
            "Reports",
            "People's reports in a quarter of an hour, each visitor once, and how many are usual.",
            Query(f'max by (signal) (outage_reports{{{ONE}, feature=""}})', "{{signal}}"),
            Query(f'max by (signal) (outage_reports_baseline{{{ONE}, feature=""}})', "usual, {{signal}}"),
            size=(8, 8),
        ).override_by_regexp("^usual.*", looks.dashed(GREY))
    )
    yield lines(
        "Reports by feature",
        "What people miss. Someone who reports two features is counted in both.",
        Query(f'max by (feature) (outage_reports{{{SOME}, feature!=""}})', "{{feature}}"),
        size=(8, 8),
    )
    yield (
        lines(
            "Chatter",
            "The share of posts about the service that complain, by signal.",
            Query(f"max by (signal) (outage_chatter_ratio{{{ONE}}})", "{{signal}}"),
            unit="percentunit",
            size=(8, 8),
        ).no_value("No signal here listens to chatter")
    )
    spike = [(None, GREEN), (UNUSUAL, ORANGE), (GLARING, RED)]
    yield (
        lines(
            "How unusual that is",
            "Standard deviations above what is usual. The lines: unusual and glaring, as the spike rule has them.",
            Query(f'max by (signal) (outage_reports_score{{{ONE}, feature=""}})', "reports, {{signal}}"),
            Query(f"max by (signal) (outage_chatter_score{{{ONE}}})", "chatter, {{signal}}"),
            Query(f"max by (signal) (outage_corroboration_score{{{ONE}}})", "only corroborates, {{signal}}"),
            size=(8, 8),
        )
        .thresholds(looks.thresholds(spike))
        .thresholds_style(looks.threshold_lines())
    )
    yield timeline(
        "Officials and upstreams",
        "Whether a page that is about the service, or about what it runs on, has something open. No row: not read.",
        Query('max by (source) (outage_statement{scope="$service", state="open"})', "{{source}}"),
        Query(f"max by (provider, location) (outage_upstream_incident{{{ONE}}})", "{{provider}} {{location}}"),
        Query(f"max by (source, region) (outage_blocked{{{ONE}}})", "blocked in {{region}}, says {{source}}"),
        words=OPEN,
        size=(16, 8),
    )


def _objective() -> Iterator[Panel]:
    budget = [(None, RED), (0.0, ORANGE), (0.25, YELLOW), (0.5, GREEN)]
    yield (
        values(
            "Error budget left",
            "Of 30 days. Below 0 more probes have failed than the objective allows.",
            Query(f"max by (service) (slo:period_error_budget_remaining:ratio{{{ONE}}})", "budget left"),
            unit="percentunit",
            size=(4, 4),
        )
        .thresholds(looks.thresholds(budget))
        .decimals(1)
    )
    rates = [
        Query(f"max by (service) (slo:sli_error:ratio_rate{window}{{{ONE}}}) {PER_BUDGET}", window)
        for window in WINDOWS
    ]
    yield (
        lines(
            "Burn rate",
            "Times the rate that is allowed, by window. Pages begin at 14.4 (1h and 5m) and at 6 (6h and 30m).",
            *rates,
            size=(10, 8),
        )
        .thresholds(looks.thresholds([(None, GREEN), (6.0, ORANGE), (14.4, RED)]))
        .thresholds_style(looks.threshold_lines())
    )
    yield (
        lines(
            "Attempts that fail",
            "By feature, in five minutes or more, because some endpoints are asked so rarely; confirmations included.",
            Query(
                f"sum by (feature) (rate(probe_failures_total{{{SOME}, {COUNTED}}}[$__rate_interval]))\n"
                f"/ sum by (feature) (rate(probe_attempts_total{{{SOME}}}[$__rate_interval]))",
                "{{feature}}",
            ),
            unit="percentunit",
            size=(10, 8),
        )
        .interval("5m")
        .max(1)
    )
    yield (
        values(
            "Allowed to fail",
            "Of all probes over 30 days; the rest is the objective.",
            Query(f"max by (service) (slo:error_budget:ratio{{{ONE}}})", "allowed"),
            unit="percentunit",
            size=(4, 4),
        ).decimals(2)
    )
