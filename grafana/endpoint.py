"""Endpoint and region: what people know from the blackbox dashboards, by service, feature, endpoint and region."""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.builders.table import Panel as Table

from grafana import frame, looks
from grafana.frame import Panel
from grafana.looks import Link
from grafana.panels import Column, Query, bars, buckets, columns, events, lines, squares, stacked, values
from grafana.words import BLUE, GREEN, ORANGE, RED, YELLOW, YES_NO

UID = frame.ENDPOINT

FEATURE = 'service="$service", feature=~"$feature"'
CHOSEN = f'{FEATURE}, endpoint=~"$endpoint", region=~"$region"'
PAIR = "service, feature, endpoint, region"

DAY = 86400.0
_SHARE = [(None, RED), (0.5, ORANGE), (0.95, YELLOW), (0.995, GREEN)]
_ENDS = [(None, RED), (7 * DAY, ORANGE), (21 * DAY, GREEN)]
# 4xx are neither: an endpoint without a token is well when it refuses.
_CODES = [(None, RED), (100.0, GREEN), (400.0, BLUE), (500.0, RED)]
_LOG = Link(
    "The probe's log",
    "${exporter}/probes/${__data.fields.service}/${__data.fields.endpoint}/${__data.fields.region}",
)
_LOG_OF_SERIES = Link(
    "The probe's log",
    "${exporter}/probes/${service}/${__field.labels.endpoint}/${__field.labels.region}",
)


def board() -> Dashboard:
    """Of one service; the other variables narrow it."""
    made = frame.frame(UID, "Each endpoint as each region sees it, down to the phases of a probe.", "now-3h", "30s")
    made.with_variable(frame.choice("service", "Service", "label_values(probe_info, service)", "tiktok"))
    made.with_variable(frame.choices("feature", "Feature", 'label_values(probe_info{service="$service"}, feature)'))
    made.with_variable(frame.choices("endpoint", "Endpoint", f"label_values(probe_info{{{FEATURE}}}, endpoint)"))
    made.with_variable(frame.choices("region", "Region", f"label_values(probe_info{{{FEATURE}}}, region)"))
    made.with_variable(frame.exporter())
    made.annotation(frame.alerts('service=~"|$service"'))
    for each in frame.evidence('service="$service"', 'scope="$service"'):
        made.annotation(each)
    frame.fill(
        made,
        ("Now", _now()),
        ("Success", _success()),
        ("How long it takes", _durations()),
        ("Below HTTP", _network()),
    )
    return made


def _now() -> Iterator[Panel]:
    yield (
        values(
            "Attempts that succeed",
            "In the time that is shown, confirmations of failures included.",
            Query(
                f"1 - sum(increase(probe_failures_total{{{CHOSEN}}}[$__range]))\n"
                f"/ sum(increase(probe_attempts_total{{{CHOSEN}}}[$__range]))",
                "succeed",
            ),
            unit="percentunit",
            size=(5, 4),
        )
        .thresholds(looks.thresholds(_SHARE))
        .decimals(2)
    )
    yield values(
        "Pairs that fail",
        "Endpoints in regions whose latest scheduled run failed, and all that are probed.",
        Query(f"count(probe_success{{{CHOSEN}}} == 0) or vector(0)", "fail"),
        Query(f"count(probe_last_run_timestamp_seconds{{{CHOSEN}}})", "all"),
        size=(5, 4),
    )
    yield values(
        "Slowest twentieth",
        "19 of 20 attempts that succeed take no longer, in the time that is shown.",
        Query(
            _quantile(0.95, "$__range"),
            "p95",
        ),
        unit="s",
        size=(5, 4),
    )
    yield (
        values(
            "First certificate to end",
            "Of those that the chosen endpoints show.",
            Query(f"min(probe_ssl_earliest_cert_expiry{{{CHOSEN}}}) - time()", "ends in"),
            unit="s",
            size=(5, 4),
        )
        .thresholds(looks.thresholds(_ENDS))
        .decimals(0)
    )
    yield (
        values(
            "Attempts",
            "Per second, over five minutes.",
            Query(f"sum(rate(probe_attempts_total{{{CHOSEN}}}[5m]))", "attempts"),
            unit="cps",
            size=(4, 4),
        ).decimals(2)
    )
    yield _pairs()


def _pairs() -> Table:
    """The latest scheduled run of every pair; a row leads to its log."""
    labels = {"service": "Service", "feature": "Feature", "endpoint": "Endpoint", "region": "Region"}
    return (
        columns(
            "Latest run of each pair",
            "What each endpoint answered in each region; the endpoint's name leads to the probe's own log.",
            labels,
            Column("Fine", _each("probe_success"), words=YES_NO),
            Column("Status", _each("probe_http_status_code"), unit="none", steps=_CODES),
            Column("Took", _each("probe_duration_seconds"), unit="s"),
            Column("HTTP", _each("probe_http_version"), unit="none"),
            Column("Redirects", _each("probe_http_redirects"), unit="none"),
            Column("IP", _each("probe_ip_protocol"), unit="none"),
            Column(
                "Certificate ends in",
                f"min by ({PAIR}) (probe_ssl_earliest_cert_expiry{{{CHOSEN}}}) - time()",
                unit="s",
                decimals=0,
                steps=_ENDS,
            ),
            Column(
                "Ran",
                f"time() - max by ({PAIR}) (probe_last_run_timestamp_seconds{{{CHOSEN}}} > 0)",
                unit="s",
                decimals=0,
            ),
            size=(24, 12),
        )
        .override_by_name("Endpoint", looks.leading(_LOG))
        .override_by_name("Fine", looks.width(70))
    )


def _each(metric: str) -> str:
    return f"max by ({PAIR}) ({metric}{{{CHOSEN}}})"


def _success() -> Iterator[Panel]:
    yield squares(
        "Success by endpoint",
        "The share of regions in which the latest scheduled run succeeded.",
        Query(f"avg by (endpoint) (probe_success{{{CHOSEN}}})", "{{endpoint}}"),
        steps=_SHARE,
        unit="percentunit",
        size=(12, 13),
    )
    yield (
        squares(
            "HTTP status",
            "The last answer's code; 0 when there was none. Which codes are fine, each endpoint's configuration says.",
            Query(f"max by (endpoint, region) (probe_http_status_code{{{CHOSEN}}})", "{{endpoint}} · {{region}}"),
            steps=_CODES,
            unit="none",
            size=(12, 13),
        ).override_by_regexp(".*", looks.leading(_LOG_OF_SERIES))
    )
    yield events(
        "Failures by reason",
        "Attempts that failed. blocked, vantage and internal never count against the service.",
        Query(f"sum by (reason) (increase(probe_failures_total{{{CHOSEN}}}[$__rate_interval])) > 0", "{{reason}}"),
        size=(12, 8),
    )
    yield squares(
        "Success by region",
        "The share of endpoints whose latest scheduled run succeeded.",
        Query(f"avg by (region) (probe_success{{{CHOSEN}}})", "{{region}}"),
        steps=_SHARE,
        unit="percentunit",
        size=(12, 8),
    )


def _durations() -> Iterator[Panel]:
    yield (
        lines(
            "By endpoint",
            "Of the latest scheduled runs, the mean over regions, failed runs included.",
            Query(f"avg by (endpoint) (probe_duration_seconds{{{CHOSEN}}})", "{{endpoint}}"),
            unit="s",
            size=(12, 9),
        ).legend(looks.legend_with("mean", "max"))
    )
    yield (
        lines(
            "By region",
            "Of the latest scheduled runs, the mean over endpoints, failed runs included.",
            Query(f"avg by (region) (probe_duration_seconds{{{CHOSEN}}})", "{{region}}"),
            unit="s",
            size=(12, 9),
        ).legend(looks.legend_with("mean", "max"))
    )
    yield buckets(
        "How attempts are spread",
        "Attempts that succeeded, by how long they took.",
        f"sum by (le) (increase(probe_all_duration_seconds_bucket{{{CHOSEN}}}[$__rate_interval]))",
        size=(12, 9),
    )
    yield lines(
        "Half, 19 of 20, 99 of 100",
        "Of attempts that succeeded: so many took no longer.",
        *(
            Query(_quantile(share, "$__rate_interval"), name)
            for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
        ),
        unit="s",
        size=(12, 9),
    )
    yield stacked(
        "Phases of HTTP",
        "The mean of the latest scheduled runs; together they are the duration.",
        Query(f"avg by (phase) (probe_http_duration_seconds{{{CHOSEN}}})", "{{phase}}"),
        unit="s",
        size=(12, 9),
    )
    yield stacked(
        "Phases of HTTP, by attempts that succeeded",
        "The mean of all attempts in the interval, from the histograms.",
        Query(
            f"sum by (phase) (rate(probe_http_all_duration_seconds_sum{{{CHOSEN}}}[$__rate_interval]))\n"
            f"/ sum by (phase) (rate(probe_http_all_duration_seconds_count{{{CHOSEN}}}[$__rate_interval]))",
            "{{phase}}",
        ),
        unit="s",
        size=(12, 9),
    )


def _quantile(share: float, window: str) -> str:
    counts = f"sum by (le) (rate(probe_all_duration_seconds_bucket{{{CHOSEN}}}[{window}]))"
    return f"histogram_quantile({share}, {counts})"


def _network() -> Iterator[Panel]:
    yield lines(
        "Round trip",
        "What the kernel measured on the connection (TCP_INFO), the mean over endpoints.",
        Query(f"avg by (region) (probe_tcp_round_trip_seconds{{{CHOSEN}}})", "{{region}}"),
        unit="s",
        size=(8, 8),
    )
    yield lines(
        "Retransmits",
        "Segments that had to be sent again, of the latest scheduled runs.",
        Query(f"sum by (region) (probe_tcp_retransmits{{{CHOSEN}}})", "{{region}}"),
        size=(8, 8),
    )
    yield lines(
        "DNS lookup",
        "The mean over endpoints; through a proxy the proxy looks names up.",
        Query(f"avg by (region) (probe_dns_lookup_time_seconds{{{CHOSEN}}})", "{{region}}"),
        unit="s",
        size=(8, 8),
    )
    yield lines(
        "Phases of DNS and ICMP",
        "Endpoints of these kinds alone, the mean of the latest scheduled runs.",
        Query(f"avg by (phase) (probe_dns_duration_seconds{{{CHOSEN}}})", "dns, {{phase}}"),
        Query(f"avg by (phase) (probe_icmp_duration_seconds{{{CHOSEN}}})", "icmp, {{phase}}"),
        unit="s",
        size=(8, 12),
    )
    yield (
        bars(
            "Certificates end in",
            "The first of each endpoint's chain, seen from any region.",
            Query(f"sort(min by (endpoint) (probe_ssl_earliest_cert_expiry{{{CHOSEN}}}) - time())", "{{endpoint}}"),
            unit="s",
            size=(8, 12),
        )
        .thresholds(looks.thresholds(_ENDS))
        .decimals(0)
    )
    yield bars(
        "TLS versions",
        "Pairs whose latest scheduled run agreed on it.",
        Query(f"count by (version) (probe_tls_version_info{{{CHOSEN}}})", "{{version}}"),
        size=(4, 6),
    )
    yield bars(
        "HTTP versions",
        "Pairs whose latest scheduled run was answered in it.",
        Query(f'count_values by () ("version", probe_http_version{{{CHOSEN}}} > 0)', "HTTP/{{version}}"),
        size=(4, 6),
    )
    yield bars(
        "IP versions",
        "Pairs whose latest scheduled run went by it.",
        Query(f'count_values by () ("version", probe_ip_protocol{{{CHOSEN}}} > 0)', "IPv{{version}}"),
        size=(4, 6),
    )
    yield bars(
        "Whose clock",
        "What stamped the first byte: the kernel, or this program where the kernel has no stamp.",
        Query(f"count by (clock) (probe_clock_info{{{CHOSEN}}})", "{{clock}}"),
        size=(4, 6),
    )
