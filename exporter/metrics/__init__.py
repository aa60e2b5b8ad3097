"""The metrics page: chunks of exposition text that are rendered when results arrive and joined at a scrape.

The only room that writes exposition and that knows prometheus_client.
"""

from __future__ import annotations

from collections.abc import Iterator

from exporter.metrics.own import Own
from exporter.metrics.page import Page
from exporter.metrics.text import content_type
from exporter.state import Store

__all__ = ["Own", "Page", "content_type", "exposition"]


def exposition(page: Page, own: Own, store: Store, openmetrics: bool) -> Iterator[bytes]:
    """The whole page, in pieces of bounded size, so that a scrape of many targets does not stop everything else."""
    yield from page.pieces(store, openmetrics)
    yield own.render(openmetrics)
