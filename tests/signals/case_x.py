"""X's counts of posts."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from exporter.options import Secret
from exporter.signals import x
from tests.servers.origin import Request
from tests.signals.case import Case


def _counts(request: Request, now: float, busy: int) -> bytes:
    """The last of the minutes that are asked for and complete by `now`; the total says that the others are zero."""
    if request.path != "/2/tweets/counts/recent":
        raise KeyError(request.path)
    since, until = (datetime.fromisoformat(request.query[key]).timestamp() for key in ("start_time", "end_time"))
    ends = (now - x.SETTLED) // 60 * 60
    data = [
        {"start": _text(ends - 60 * back), "end": _text(ends - 60 * (back - 1)), "tweet_count": busy}
        for back in range(min(10, int(until - since) // 60), 0, -1)
    ]
    return json.dumps({"data": data, "meta": {"total_tweet_count": busy * len(data)}}).encode()


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def calm(request: Request, now: float) -> bytes:
    return _counts(request, now, 0)


def trouble(request: Request, now: float) -> bytes:
    return _counts(request, now, 40)


CASE = Case(
    kind="x",
    options=lambda url: x.Options(
        token=Secret("t0ken"), queries={"tiktok": "tiktok down"}, url=f"{url}/2/tweets/counts/recent"
    ),
    calm=calm,
    trouble=trouble,
    error=b'{"errors":[{"title":"Invalid Request","detail":"query is too long","type":"about:blank"}]}',
    says="total_tweet_count",
    step=120.0,
    bookmark=lambda now: str(int(now // 60) * 60 - 1800),
)
