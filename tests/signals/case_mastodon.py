"""Mastodon's timelines of hashtags."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count

from exporter.signals import mastodon
from tests.servers.origin import Request
from tests.signals.case import Case

_NUMBERS = count(111_000_000_000_000_000)


def _statuses(request: Request, now: float, text: str) -> bytes:
    """Three new statuses whenever somebody looks, newest first."""
    if request.path != "/api/v1/timelines/tag/tiktok":
        raise KeyError(request.path)
    created = datetime.fromtimestamp(now - 1, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    content = f'<p>{text} <a href="https://a.example/tags/tiktok">#<span>tiktok</span></a></p>'
    ids = sorted((next(_NUMBERS) for _ in range(3)), reverse=True)
    return json.dumps(
        [{"id": str(number), "created_at": created, "content": content, "tags": [{"name": "tiktok"}]} for number in ids]
    ).encode()


def calm(request: Request, now: float) -> bytes:
    return _statuses(request, now, "my cat, today")


def trouble(request: Request, now: float) -> bytes:
    return _statuses(request, now, "Is TikTok<br>down?")


CASE = Case(
    kind="mastodon",
    options=lambda url: mastodon.Options(instances=(url,)),
    calm=calm,
    trouble=trouble,
    error=b'{"error":"This method requires an authenticated user"}',
    says="[0].id",
    at_once=False,
)
