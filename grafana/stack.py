"""Exporter and stack: whether those who watch are well, from the schedule of probes to the notification of people."""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.builders.dashboard import Dashboard

from grafana import frame, looks
from grafana.frame import Panel
from grafana.looks import Link
from grafana.panels import Column, Query, bars, buckets, columns, events, lines, values
from grafana.words import GREEN, ORANGE, RED, YES_NO

UID = frame.STACK

OURS = 'instance=~"$instance"'

LAG = f"outage_exporter_schedule_lag_seconds_bucket{{{OURS}}}"

# Where an operator of Kubernetes labels targets, what has no service has the name of its own.
FIRING = 'ALERTS{alertstate="firing", severity!="none"} unless on (service) outage_service_info'
"""Alerts that are about no service that is watched."""

_OK = [(None, RED), (1.0, GREEN)]
_NONE_WANTED = [(None, GREEN), (1.0, RED)]
_RUNBOOK = Link("Runbook", f"{frame.RUNBOOKS}/${{__data.fields.alertname}}.md")


def board() -> Dashboard:
    """Of all exporters that Prometheus scrapes, of that Prometheus and of its Alertmanagers."""
    made = frame.frame(
        UID, "Whether those who watch are well: exporters, signals, Prometheus, Alertmanager.", "now-3h", "30s"
    )
    made.with_variable(frame.choices("instance", "Exporter", "label_values(outage_exporter_build_info, instance)"))
    made.annotation(frame.annotation("Alerts", FIRING, "{{alertname}}", "{{severity}} {{instance}} {{region}}", "red"))
    frame.fill(
        made,
        ("Well?", _well()),
        ("Schedule and workers", _schedule()),
        ("Signals and reports", _signals()),
        ("Scrapes and series", _scrapes()),
        ("Rules and notifications", _notifications()),
    )
    return made


def _well() -> Iterator[Panel]:
    yield values(
        "Exporters",
        "That answer Prometheus, of all that did within a day.",
        Query(
            f"sum(up{{{OURS}}} and on (job, instance) last_over_time(outage_exporter_build_info{{{OURS}}}[1d]))",
            "answer",
        ),
        Query(f"count(last_over_time(outage_exporter_build_info{{{OURS}}}[1d]))", "known"),
        size=(4, 4),
    )
    yield values(
        "Regions",
        "In which a control answers, of all.",
        Query(f"sum(max by (region) (outage_region_seeing{{{OURS}}}))", "see"),
        Query(f"count(max by (region) (outage_region_seeing{{{OURS}}}))", "all"),
        size=(4, 4),
    )
    yield values(
        "Signals",
        "Whose word may still count, of all.",
        Query(f"sum(max by (signal) (outage_signal_fresh{{{OURS}}}))", "fresh"),
        Query(f"count(max by (signal) (outage_signal_fresh{{{OURS}}}))", "all"),
        size=(4, 4),
    )
    yield (
        values(
            "Newest configuration in use",
            "0 where one was refused: what runs is the one before.",
            Query(f"min(outage_exporter_config_last_reload_successful{{{OURS}}})", "exporter"),
            Query("min(prometheus_config_last_reload_successful)", "Prometheus"),
            Query("min(alertmanager_config_last_reload_successful)", "Alertmanager"),
            size=(6, 4),
        )
        .thresholds(looks.thresholds(_OK))
        .mappings([looks.mapping(YES_NO)])
    )
    yield (
        values(
            "Watchdog",
            "The alert that always fires; without it no page gets through.",
            Query('max(ALERTS{alertname="Watchdog", alertstate="firing"})', "fires"),
            size=(2, 4),
        )
        .thresholds(looks.thresholds(_OK))
        .mappings([looks.mapping(YES_NO)])
        .no_value("no")
    )
    yield values(
        "Running since",
        "The youngest exporter.",
        Query(
            f"1000 * max(process_start_time_seconds{{{OURS}}} and on (job, instance) outage_exporter_build_info)",
            "since",
        ),
        unit="dateTimeFromNow",
        size=(4, 4),
    )
    firing = f"ALERTS_FOR_STATE and ignoring (alertstate) {FIRING}"
    yield (
        columns(
            "Alerts about the stack",
            "That fire now; a name leads to its runbook.",
            {
                "alertname": "Alert",
                "severity": "Severity",
                "instance": "Instance",
                "region": "Region",
                "signal": "Signal",
            },
            Column(
                "For",
                f"max by (alertname, severity, instance, region, signal) (time() - ({firing}))",
                unit="s",
                decimals=0,
            ),
            size=(14, 6),
        )
        .override_by_name("Alert", looks.leading(_RUNBOOK))
        .no_value("none")
    )
    yield columns(
        "What runs",
        "Exporters, their versions and processes.",
        {"instance": "Exporter", "version": "Version", "python": "Python"},
        Column("Workers", _beside("outage_exporter_workers"), unit="none"),
        Column("Memory", _beside("process_resident_memory_bytes"), unit="bytes"),
        Column("CPU", _beside(f"rate(process_cpu_seconds_total{{{OURS}}}[5m])"), unit="percentunit", decimals=1),
        Column("Open files", _beside("process_open_fds"), unit="none"),
        size=(10, 6),
    )


def _beside(expression: str) -> str:
    """With the labels of the build, so that rows join."""
    chosen = expression if "{" in expression else f"{expression}{{{OURS}}}"
    build = "on (job, instance) group_left (version, python) outage_exporter_build_info"
    return f"max by (instance, version, python) (\n  {chosen} * {build}\n)"


def _schedule() -> Iterator[Panel]:
    yield buckets(
        "How late runs begin",
        "Scheduled runs by how much after their time they began.",
        f"sum by (le) (increase({LAG}[$__rate_interval]))",
        size=(8, 8),
    )
    yield lines(
        "99 of 100 begin within",
        "Lag of the schedule, by exporter. It distorts no duration, but tells of too much work.",
        Query(
            f"histogram_quantile(0.99, sum by (le, instance) (rate({LAG}[$__rate_interval])))",
            "{{instance}}",
        ),
        unit="s",
        size=(8, 8),
    )
    yield events(
        "Skipped runs",
        "overlap: the run before was not done; late: its time had passed; capacity: the worker was full.",
        Query(
            f"sum by (reason) (increase(outage_exporter_runs_skipped_total{{{OURS}}}[$__rate_interval]))",
            "{{reason}}",
        ),
        size=(8, 8),
    )
    yield lines(
        "Attempts",
        "Scheduled runs and confirmations.",
        Query(f"sum by (instance) (rate(probe_attempts_total{{{OURS}}}[$__rate_interval]))", "{{instance}}"),
        unit="cps",
        size=(6, 8),
    )
    yield lines(
        "Under way",
        "Probes that have begun and not ended.",
        Query(f"sum by (instance) (outage_exporter_probes_in_flight{{{OURS}}})", "{{instance}}"),
        size=(6, 8),
    )
    yield events(
        "Workers that were replaced",
        "Processes that ended by themselves; the probes under way are lost.",
        Query(
            f"sum by (instance) (increase(outage_exporter_worker_restarts_total{{{OURS}}}[$__rate_interval]))",
            "{{instance}}",
        ),
        size=(6, 8),
    )
    yield lines(
        "Processor",
        "Of the main process of each exporter, Prometheus and Alertmanager; workers have processes of their own.",
        Query("sum by (job, instance) (rate(process_cpu_seconds_total[$__rate_interval]))", "{{job}} {{instance}}"),
        unit="percentunit",
        size=(6, 8),
    )


def _signals() -> Iterator[Panel]:
    yield columns(
        "Signals",
        "When each was read last, how old its news was then, and what failed in the last hour.",
        {"signal": "Signal"},
        Column("Fresh", f"max by (signal) (outage_signal_fresh{{{OURS}}})", words=YES_NO),
        Column(
            "Read",
            f"time() - (max by (signal) (outage_signal_last_success_timestamp_seconds{{{OURS}}}) > 0)",
            unit="s",
            decimals=0,
        ),
        Column("News were old", f"max by (signal) (outage_signal_lag_seconds{{{OURS}}})", unit="s", decimals=0),
        Column(
            "Errors, 1 h",
            f"round(sum by (signal) (increase(outage_signal_errors_total{{{OURS}}}[1h])))",
            unit="none",
            steps=_NONE_WANTED,
        ),
        size=(10, 9),
    )
    yield events(
        "Errors of signals",
        "Reads that failed, by reason.",
        Query(
            f"sum by (signal, reason) (increase(outage_signal_errors_total{{{OURS}}}[$__rate_interval])) > 0",
            "{{signal}}: {{reason}}",
        ),
        size=(7, 9),
    )
    yield (
        events(
            "Reports taken and refused",
            "People's own reports that came here.",
            Query(
                f'sum by (service) (increase(outage_reports_accepted_total{{{OURS}, feature=""}}[$__rate_interval]))',
                "{{service}}",
            ),
            Query(
                f"sum by (reason) (increase(outage_reports_refused_total{{{OURS}}}[$__rate_interval])) > 0",
                "refused: {{reason}}",
            ),
            size=(7, 9),
        ).override_by_regexp("^refused", looks.fixed(RED))
    )


def _scrapes() -> Iterator[Panel]:
    yield lines(
        "Scrapes take",
        "From Prometheus' side.",
        Query("max by (job, instance) (scrape_duration_seconds)", "{{job}} {{instance}}"),
        unit="s",
        size=(8, 8),
    )
    yield lines(
        "Samples in a scrape",
        "What each target exposes.",
        Query("max by (job, instance) (scrape_samples_scraped)", "{{job}} {{instance}}"),
        size=(8, 8),
    )
    yield lines(
        "Series",
        "In Prometheus' head, and how many come anew.",
        Query("max by (instance) (prometheus_tsdb_head_series)", "in all, {{instance}}"),
        Query("sum by (job) (scrape_series_added)", "new, {{job}}"),
        size=(8, 8),
    )
    yield bars(
        "Metrics with most series",
        "Of the exporters.",
        Query(f'topk(12, count by (__name__) ({{__name__=~"probe_.+|outage_.+", {OURS}}}))', "{{__name__}}"),
        size=(10, 10),
    )
    yield bars(
        "Series by service",
        "Of probes.",
        Query(f'sort_desc(count by (service) ({{__name__=~"probe_.+", {OURS}}}))', "{{service}}"),
        size=(6, 10),
    )
    yield lines(
        "Memory",
        "Resident, of each exporter's main process, Prometheus and Alertmanager.",
        Query("max by (job, instance) (process_resident_memory_bytes)", "{{job}} {{instance}}"),
        unit="bytes",
        size=(8, 10),
    )


def _notifications() -> Iterator[Panel]:
    yield (
        lines(
            "Evaluating rules takes",
            "The last evaluation of each group; more than its interval, and pages come late.",
            Query(_by_group("prometheus_rule_group_last_duration_seconds"), "{{group}}"),
            Query("min(prometheus_rule_group_interval_seconds)", "shortest interval"),
            unit="s",
            size=(8, 8),
        ).override_by_name("shortest interval", looks.dashed(RED))
    )
    yield events(
        "Rules that failed, evaluations missed",
        "Both should be 0: an alert may be missing.",
        Query("sum(increase(prometheus_rule_evaluation_failures_total[$__rate_interval]))", "failed"),
        Query("sum(increase(prometheus_rule_group_iterations_missed_total[$__rate_interval]))", "missed"),
        size=(8, 8),
    )
    yield lines(
        "Alerts",
        "That fire, by severity.",
        Query('count by (severity) (ALERTS{alertstate="firing"})', "{{severity}}"),
        size=(8, 8),
    )
    yield (
        events(
            "From Prometheus to Alertmanager",
            "Alerts that were sent, that failed, and that were dropped.",
            Query("sum(increase(prometheus_notifications_sent_total[$__rate_interval]))", "sent"),
            Query("sum(increase(prometheus_notifications_errors_total[$__rate_interval]))", "failed"),
            Query("sum(increase(prometheus_notifications_dropped_total[$__rate_interval]))", "dropped"),
            size=(8, 8),
        )
        .override_by_name("failed", looks.fixed(RED))
        .override_by_name("dropped", looks.fixed(ORANGE))
    )
    yield (
        events(
            "From Alertmanager to people",
            "Notifications by way, and those that failed.",
            Query(
                "sum by (integration) (increase(alertmanager_notifications_total[$__rate_interval])) > 0",
                "{{integration}}",
            ),
            Query(
                "sum by (integration) (increase(alertmanager_notifications_failed_total[$__rate_interval])) > 0",
                "failed: {{integration}}",
            ),
            size=(8, 8),
        ).override_by_regexp("^failed", looks.fixed(RED))
    )
    yield lines(
        "Notifying takes",
        "19 of 20 notifications took no longer.",
        Query(
            "histogram_quantile(0.95, sum by (le, integration) "
            "(rate(alertmanager_notification_latency_seconds_bucket[$__rate_interval]))) > 0",
            "{{integration}}",
        ),
        unit="s",
        size=(8, 8),
    )


def _by_group(metric: str) -> str:
    """By the group's own name; Prometheus puts the file's path before it."""
    return f'max by (group) (label_replace({metric}, "group", "$1", "rule_group", ".*;(.+)"))'
