"""The metrics page: chunks of exposition text that are rendered when results arrive and joined at a scrape.

The only room that writes exposition and that knows prometheus_client.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from exporter.history import Statistics
from exporter.metrics import availability
from exporter.metrics import intake as reports
from exporter.metrics.own import Own
from exporter.metrics.page import Page
from exporter.metrics.text import content_type
from exporter.signals.reports import Intake
from exporter.state import Store

__all__ = ["Own", "Page", "content_type", "exposition"]

_NONE: Mapping[str, Statistics] = MappingProxyType({})


def exposition(
    page: Page,
    own: Own,
    store: Store,
    openmetrics: bool,
    statistics: Mapping[str, Statistics] = _NONE,
    intake: Intake | None = None,
) -> Iterator[bytes]:
    """The whole page, in pieces of bounded size, so that a scrape of many targets does not stop everything else.

    `statistics` are what the history of each service comes to; `intake` is what takes people's reports.
    """
    yield from page.pieces(store, openmetrics)
    yield from availability.pieces(statistics, openmetrics)
    if intake is not None:
        yield from reports.pieces(intake, openmetrics)
    yield own.render(openmetrics)
