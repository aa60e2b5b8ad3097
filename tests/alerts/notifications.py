"""Notifications as Alertmanager hands them to its templates, in the form that `amtool template render` reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Alert = Mapping[str, Any]

RUNBOOKS = "https://github.com/outage-exporter/outage-exporter/blob/main/alerts/runbooks"
DASHBOARD = "http://localhost:3000/d/outage-service?var-service=tiktok"
BEGAN, ENDED, ENDED_NEXT_DAY = "2026-11-25T02:14:30Z", "2026-11-25T02:28:45Z", "2026-11-26T04:19:30Z"


def alert(name: str, description: str, severity: str, *, ended: str = "", **labels: str) -> Alert:
    """One alert with all that the rules give one; `ended` is when, if it has."""
    return {
        "status": "resolved" if ended else "firing",
        "labels": {"alertname": name, "severity": severity, **labels},
        "annotations": {
            "summary": "A feature is down in most regions.",
            "description": description,
            "runbook_url": f"{RUNBOOKS}/{name}.md",
            "dashboard_url": DASHBOARD + (f"&var-feature={labels['feature']}" if "feature" in labels else ""),
        },
        "startsAt": BEGAN,
        "endsAt": ended or "0001-01-01T00:00:00Z",
    }


def feature_down(feature: str, ended: str = "") -> Alert:
    """The page that style asks for."""
    description = (
        f"TikTok {feature} is down in 4 of 5 regions since 02:14 UTC.\n"
        "Reason: connect timeouts (us-east, us-west, gb, de). jp is fine. Users: 212 reports in 15 min, usual 6.\n"
        "Likely cause: Oracle Cloud us-ashburn-1, incident open since 02:05. Officials: nothing yet.\n"
        "Do: runbook OutageFeatureDown. Working now: YouTube Shorts, Instagram Reels."
    )
    labels = {"service": "tiktok", "title": "TikTok", "feature": feature}
    return alert("OutageFeatureDown", description, "critical", ended=ended, **labels)


def region_failing(feature: str, region: str) -> Alert:
    description = f"TikTok {feature} is down in {region} since 02:14 UTC.\nReason: tls (12).\nDo: wait."
    labels = {"service": "tiktok", "title": "TikTok", "feature": feature, "region": region}
    return alert("OutageRegionFailing", description, "warning", **labels)


def notification(*alerts: Alert) -> dict[str, Any]:
    """What these alerts, as one group, are to a template."""
    labels = _common([each.get("labels", {}) for each in alerts])
    return {
        "receiver": "anyone",
        "status": "firing" if any(each["status"] == "firing" for each in alerts) else "resolved",
        "alerts": list(alerts),
        "groupLabels": {name: labels[name] for name in ("alertname", "service") if name in labels},
        "commonLabels": labels,
        "commonAnnotations": _common([each.get("annotations", {}) for each in alerts]),
        "externalURL": "http://localhost:9093",
    }


def _common(each: list[Mapping[str, str]]) -> dict[str, str]:
    return {name: value for name, value in each[0].items() if all(other.get(name) == value for other in each)}


_BARE = {"status": "firing", "startsAt": BEGAN, "endsAt": "0001-01-01T00:00:00Z"}
_HOSTILE = "\r\n \t<!channel> & <script>alert('1')</script> {{ .Evil }} \"quoted\" *bold* " + "long " * 60

NOTIFICATIONS = {
    "one_feature_is_down": notification(feature_down("upload")),
    "three_features_are_down": notification(*(feature_down(name) for name in ("feed", "live", "upload"))),
    "three_features_were_down": notification(*(feature_down(name, ENDED) for name in ("feed", "live", "upload"))),
    "one_feature_was_down": notification(feature_down("upload", ENDED)),
    "one_feature_was_down_for_a_day": notification(feature_down("upload", ENDED_NEXT_DAY)),
    "one_feature_is_down_another_was": notification(feature_down("feed"), feature_down("upload", ENDED)),
    "eight_warnings_of_regions": notification(
        *(region_failing(feature, region) for feature in ("feed", "upload") for region in ("de", "gb", "jp", "us"))
    ),
    "two_exporters_are_gone": notification(
        *(
            alert("OutageExporterGone", f"The exporter {name} does not answer.", "warning", instance=name, job="a")
            for name in ("eu.example:19720", "us.example:19720")
        )
    ),
    "own_line_is_cut": notification(
        alert("OutageOwnLineCut", "Our own line is cut: none of 3 regions sees the internet.\nDo: look.", "critical")
    ),
    "a_statement": notification(
        alert("OutageOfficialStatement", "tiktok.status has opened a statement.", "info", service="tiktok")
    ),
    "an_alert_that_says_nothing": notification({**_BARE, "labels": {}, "annotations": {}}),
    "two_alerts_that_say_nothing": notification(_BARE, _BARE),
    "hostile": notification(
        {
            **_BARE,
            "labels": {"alertname": 'Evil"}, <b>', "service": "a b+c&d", "title": "<!here>", "severity": "page</a>"},
            "annotations": {
                "description": _HOSTILE + "\n<https://evil.example|Runbook>\n'; DROP <b>\n\n",
                "runbook_url": "javascript:alert(1)",
                "dashboard_url": "https://evil.example/|Dashboard> <!everyone>",
            },
        }
    ),
}
