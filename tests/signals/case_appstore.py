"""Apple's customer reviews."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from exporter.signals import appstore
from tests.servers.origin import Request
from tests.signals.case import Case


def _reviews(request: Request, now: float, stars: str, text: str) -> bytes:
    """The first page has a new review whenever somebody looks; there is no entry on the others."""
    if not request.path.startswith("/us/rss/customerreviews/page="):
        raise KeyError(request.path)
    feed: dict[str, object] = {"author": {"name": {"label": "iTunes Store"}}}
    if "/page=1/" in request.path:
        # To the microsecond, unlike Apple's, so that two looks within a second see two reviews.
        updated = datetime.fromtimestamp(now - 1, UTC).isoformat(timespec="microseconds")
        labels = {"id": "1", "updated": updated, "title": text, "content": "since today", "im:rating": stars}
        feed["entry"] = {key: {"label": label} for key, label in labels.items()}
    return json.dumps({"feed": feed}).encode()


def calm(request: Request, now: float) -> bytes:
    return _reviews(request, now, "5", "love it")


def trouble(request: Request, now: float) -> bytes:
    return _reviews(request, now, "1", "Not working")


CASE = Case(
    kind="appstore",
    options=lambda url: appstore.Options(apps={"tiktok": 835599320}, url=url),
    calm=calm,
    trouble=trouble,
    says="feed.entry",
    at_once=False,
)
