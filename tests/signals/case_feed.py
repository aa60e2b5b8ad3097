"""RSS, as TikTok's Business API has it."""

from __future__ import annotations

from exporter.signals import feed
from tests.servers.origin import Request
from tests.signals.case import Case
from tests.signals.times import rfc

PATH = "/marketing_api/api/status_page/incident/rss/"


def _feed(request: Request, *items: str) -> bytes:
    if request.path != PATH:
        raise KeyError(request.path)
    head = "<title>TikTok API for Business Status</title><link>https://a.example/</link>"
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{"".join(items)}</channel></rss>'.encode()


def _item(title: str, text: str, at: float) -> str:
    return (
        f"<item><title>{title}</title><link>https://a.example/{at:.0f}</link><description>{text}</description>"
        f"<pubDate>{rfc(at)}</pubDate></item>"
    )


def calm(request: Request, now: float) -> bytes:
    return _feed(request, _item("No Known Issue", "All is well.", now - 3600))


def trouble(request: Request, now: float) -> bytes:
    return _feed(request, _item("Major Disruption", "Posting of content fails.", now - 600))


CASE = Case(
    kind="feed",
    options=lambda url: feed.Options(url=f"{url}{PATH}"),
    calm=calm,
    trouble=trouble,
    wrong=b'<?xml version="1.0"?><rss version="2.0"><channel><item><title>Major Disruption</title>'
    b"<pubDate>yesterday</pubDate></item></channel></rss>",
    says="is not a time",
)
