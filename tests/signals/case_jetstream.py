"""Bluesky's stream."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count

from exporter.signals import jetstream
from tests.servers.origin import Request
from tests.signals.case import Case

_NUMBERS = count()


def _events(text: str, now: float) -> Sequence[str]:
    """Somebody's account changes, and somebody posts."""
    number = next(_NUMBERS)
    account = {"did": "did:plc:a", "time_us": int(now * 1e6), "kind": "account", "account": {"active": True}}
    record = {"$type": jetstream.COLLECTION, "createdAt": "1970-01-01T00:00:00Z", "langs": ["en"], "text": text}
    commit = {"rev": "a", "operation": "create", "collection": jetstream.COLLECTION, "rkey": f"k{number}", "cid": "c"}
    post = {
        "did": "did:plc:a",
        "time_us": int(now * 1e6) + 1,
        "kind": "commit",
        "commit": {**commit, "record": record},
    }
    return [json.dumps(event) for event in (account, post)]


def calm(request: Request, now: float) -> Sequence[str]:
    return _events("good morning", now)


def trouble(request: Request, now: float) -> Sequence[str]:
    return _events("tiktok is down??", now)


CASE = Case(
    kind="jetstream",
    options=lambda url: jetstream.Options(urls=(f"{url}/subscribe",)),
    calm=calm,
    trouble=trouble,
    error=b'{"error": "ConsumerTooSlow", "message": "the consumer is too slow"}',
    says="time_us",
)
