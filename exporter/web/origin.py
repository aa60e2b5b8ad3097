"""Whether a request was made by a page of our own: a page of somebody else must do nothing in its visitors' names."""

from __future__ import annotations

from aiohttp import web


def is_own(request: web.Request) -> bool:
    """Whether a page of ours made it, or no page at all.

    The browser's own word counts where it gives one (to https and loopback), because a proxy may change the host; else
    the origin, and what sends neither is no browser.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("none", "same-origin")
    origin = request.headers.get("Origin", f"//{request.host}")
    return origin.lower().partition("//")[2] == request.host.lower()
