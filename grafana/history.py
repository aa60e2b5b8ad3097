"""Outages: what happened, how often, how long, how soon it was known, and what is left of the budgets."""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.builders.dashboard import Dashboard

from grafana import frame, looks
from grafana.frame import Panel
from grafana.looks import Link
from grafana.panels import Column, Query, bars, columns, events, lines, timeline, values
from grafana.words import GREEN, ORANGE, RED, VERDICTS, YELLOW, worst

UID = frame.HISTORY

SOME = 'service=~"$service"'
SINCE = f"max by (service) (outage_verdict_since_timestamp_seconds{{{SOME}}})"

DOWN = f'avg_over_time(outage_state{{{SOME}, state="down"}}[$__range])'
"""The share of the time that is shown, by feature and region."""

# The first evidence can turn out to be earlier while an incident lasts; the number of incidents so far stays.
_NUMBER = f'count_values by (service) ("incident", max by (service) (outage_incidents_total{{{SOME}}}))'

INCIDENT = (
    f'(max by (service, verdict) (outage_verdict{{{SOME}, verdict!~"up|unknown"}}) == 1)\n'
    f"* on (service) group_left (incident) {_NUMBER}"
)
"""1 while something is wrong: one series for each incident and verdict in it."""

PAGED = (
    f'group by (service) (ALERTS{{alertname=~"OutageServiceDown|OutageFeatureDown", alertstate="firing", {SOME}}})\n'
    f"* on (service) group_left (incident) {_NUMBER}"
)
"""1 while people are paged: one series for each incident."""

_TIMES_SINCE = f"\n* on (service) group_left () {SINCE}"
_TIMES_AGE = f"\n* on (service) group_left () (time() - {SINCE})"

_MINUTELY = "[$__range:1m]"
_GOOD = [(None, RED), (0.99, ORANGE), (0.995, YELLOW), (0.999, GREEN)]
_BUDGET = [(None, RED), (0.0, ORANGE), (0.25, YELLOW), (0.5, GREEN)]
_SERVICE = Link("What was seen", f"/d/{frame.SERVICE}?var-service=${{__data.fields.service}}&${{__url_time_range}}")
_RUNBOOK = Link("Runbook", f"{frame.RUNBOOKS}/${{__data.fields.alertname}}.md")


def board() -> Dashboard:
    """Of some services, over a month unless told otherwise."""
    made = frame.frame(
        UID, "The history of outages: how often, how long, how soon known, what is left of budgets.", "now-30d", "15m"
    )
    made.with_variable(frame.choices("service", "Service", "label_values(outage_service_info, service)"))
    made.annotation(frame.alerts(f"{SOME}"))
    for each in frame.evidence(SOME, 'scope=~"$service"'):
        made.annotation(each)
    frame.fill(
        made,
        ("In the time that is shown", _overview()),
        ("Incidents", _incidents()),
        ("Availability", _availability()),
        ("Error budgets", _budgets()),
        ("What failed", _failed()),
    )
    return made


def _overview() -> Iterator[Panel]:
    yield timeline(
        "Verdicts",
        "Over all regions, by the exporter.",
        Query(worst("outage_verdict", "verdict", VERDICTS, "service", SOME), "{{service}}"),
        words=VERDICTS,
        size=(24, 7),
    )
    yield values(
        "Incidents",
        "Begun in this time, degraded ones too, by service.",
        Query(f"round(max by (service) (increase(outage_incidents_total{{{SOME}}}[$__range])))", "{{service}}"),
        size=(8, 5),
    )
    yield (
        values(
            "Known after",
            "From the first evidence to the verdict and to the page; the median of the incidents in this time.",
            Query(
                f"quantile(0.5, min by (service, incident) (min_over_time(({INCIDENT}{_TIMES_AGE}){_MINUTELY})))",
                "verdict",
            ),
            Query(f"quantile(0.5, min_over_time(({PAGED}{_TIMES_AGE}){_MINUTELY}))", "page"),
            unit="s",
            size=(6, 5),
        ).decimals(0)
    )
    yield (
        values(
            "Over after, next after",
            "Mean time to recovery and between failures, of all that the exporter keeps; no failure, no number.",
            Query(f"max by (service) (outage_mean_time_to_recovery_seconds{{{SOME}}})", "{{service}}: over after"),
            Query(f"max by (service) (outage_mean_time_between_failures_seconds{{{SOME}}})", "{{service}}: next after"),
            unit="s",
            size=(10, 5),
        ).decimals(1)
    )


def _incidents() -> Iterator[Panel]:
    yield (
        columns(
            "Incidents",
            "A row for each incident and each verdict in it; the service leads to what was seen.",
            {"service": "Service", "incident": "No.", "verdict": "Verdict"},
            Column("First evidence", f"1000 * min_over_time(({INCIDENT}{_TIMES_SINCE}){_MINUTELY})", "dateTimeAsIso"),
            Column("Given after", f"min_over_time(({INCIDENT}{_TIMES_AGE}){_MINUTELY})", unit="s", decimals=0),
            Column("Held for", f"60 * count_over_time(({INCIDENT}){_MINUTELY})", unit="s", decimals=0),
            size=(14, 10),
        ).override_by_name("Service", looks.leading(_SERVICE))
    )
    firing = f'ALERTS{{alertstate="firing", severity=~"critical|warning", {SOME}}}'
    by = "alertname, severity, service, feature"
    yield (
        columns(
            "Alerts",
            "That fired in this time: for how long in all, and when last.",
            {"alertname": "Alert", "severity": "Severity", "service": "Service", "feature": "Feature"},
            Column("Fired for", f"60 * max by ({by}) (count_over_time({firing}{_MINUTELY}))", unit="s", decimals=0),
            Column(
                "Last", f"1000 * max by ({by}) (max_over_time(timestamp({firing}){_MINUTELY}))", unit="dateTimeFromNow"
            ),
            size=(10, 10),
        ).override_by_name("Alert", looks.leading(_RUNBOOK))
    )


def _availability() -> Iterator[Panel]:
    kept = 'max by (service) (outage_availability_ratio{%s, window="%s"})'
    known = f'max by (service) (outage_availability_observed_ratio{{{SOME}, window="365d"}})'
    yield columns(
        "Availability",
        "The share of known time in which it was not down: as far as Prometheus keeps data, and by the exporter.",
        {"service": "Service"},
        *(
            Column(f"{days} days", _available(days), unit="percentunit", decimals=3, steps=_GOOD)
            for days in (7, 30, 90)
        ),
        *(
            Column(f"{days} days, kept", kept % (SOME, f"{days}d"), unit="percentunit", decimals=3, steps=_GOOD)
            for days in (30, 365)
        ),
        Column("Of the year known", known, unit="percentunit", decimals=1),
        size=(14, 8),
    )
    yield columns(
        "Share of the time",
        "In which each verdict held, of the time that is shown and known to Prometheus.",
        {"service": "Service"},
        *(
            Column(
                word.text.capitalize(),
                f'max by (service) (avg_over_time(outage_verdict{{{SOME}, verdict="{verdict}"}}[$__range]))',
                unit="percentunit",
                decimals=2,
            )
            for verdict, word in VERDICTS.items()
        ),
        size=(10, 8),
    )


def _available(days: int) -> str:
    return (
        f'1 - sum by (service) (sum_over_time(outage_verdict{{{SOME}, verdict="down"}}[{days}d]))\n'
        f'/ sum by (service) (sum_over_time(outage_verdict{{{SOME}, verdict!="unknown"}}[{days}d]))'
    )


def _budgets() -> Iterator[Panel]:
    yield columns(
        "Objectives",
        "Of probes over 30 days: what should be good, what failed, and what of the budget is left.",
        {"service": "Service"},
        Column("Objective", f"max by (service) (slo:objective:ratio{{{SOME}}})", unit="percentunit", decimals=2),
        Column("Failed", f"max by (service) (slo:sli_error:ratio_rate30d{{{SOME}}})", unit="percentunit", decimals=3),
        Column(
            "Budget left",
            f"max by (service) (slo:period_error_budget_remaining:ratio{{{SOME}}})",
            unit="percentunit",
            decimals=1,
            steps=_BUDGET,
        ),
        Column("Burns now", f"max by (service) (slo:current_burn_rate:ratio{{{SOME}}})", unit="none", decimals=2),
        size=(10, 8),
    )
    yield (
        lines(
            "Budget left",
            "Of 30 days, as it was at each time.",
            Query(f"max by (service) (slo:period_error_budget_remaining:ratio{{{SOME}}})", "{{service}}"),
            unit="percentunit",
            size=(14, 8),
        )
        .max(1)
        .thresholds(looks.thresholds([(None, RED), (0.0, GREEN)]))
        .thresholds_style(looks.threshold_lines())
    )


def _failed() -> Iterator[Panel]:
    yield (
        bars(
            "Features that were down",
            "The share of this time, the mean over regions.",
            Query(
                f"sort_desc(avg by (service, feature) ({DOWN}) > 0)",
                "{{service}} {{feature}}",
            ),
            unit="percentunit",
            size=(8, 9),
        ).decimals(2)
    )
    yield (
        bars(
            "Regions that saw it",
            "The share of this time, the mean over features.",
            Query(
                f"sort_desc(avg by (region) ({DOWN}) > 0)",
                "{{region}}",
            ),
            unit="percentunit",
            size=(8, 9),
        ).decimals(2)
    )
    yield (
        bars(
            "Reasons",
            "Attempts that failed in this time.",
            Query(f"sort_desc(sum by (reason) (increase(probe_failures_total{{{SOME}}}[$__range])) > 0)", "{{reason}}"),
            size=(8, 9),
        ).decimals(0)
    )
    yield (
        events(
            "Incidents over time",
            "Begun in each interval.",
            Query(
                f"round(max by (service) (increase(outage_incidents_total{{{SOME}}}[$__rate_interval])))", "{{service}}"
            ),
            size=(12, 8),
        ).max_data_points(60)
    )
    yield lines(
        "Reports",
        "People's reports in a quarter of an hour, the most in each interval.",
        Query(f'max by (service) (max_over_time(outage_reports{{{SOME}, feature=""}}[$__interval]))', "{{service}}"),
        size=(12, 8),
    )
