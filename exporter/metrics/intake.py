"""What came of the reports that people sent to this program, since it runs."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.metrics import text
from exporter.metrics.text import Lines
from exporter.signals.reports import Intake


def pieces(intake: Intake, openmetrics: bool) -> Iterator[bytes]:
    """Nothing while the configuration takes no reports."""
    if intake.signal is None:
        return
    for name, explained, lines in (
        (
            "outage_reports_accepted_total",
            "Reports that were counted, those of a whole service under the empty feature too.",
            _accepted,
        ),
        ("outage_reports_with_words_total", "Those of them that had words, which are kept nowhere.", _with_words),
        ("outage_reports_refused_total", "Reports that were not counted, by reason.", _refused),
    ):
        yield from text.family(name, explained, "counter", lines(intake), openmetrics)


def _accepted(intake: Intake) -> Lines:
    for (service, feature), count in intake.accepted.items():
        yield text.labelled(service=service, feature=feature), count


def _with_words(intake: Intake) -> Lines:
    yield "", intake.words[True]


def _refused(intake: Intake) -> Lines:
    for reason, count in intake.refused.items():
        yield text.labelled(reason=reason), count
