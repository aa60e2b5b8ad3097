"""Scraping a metrics page as Prometheus does, and reading numbers out of one."""

from __future__ import annotations

import gzip
import re
import threading
import time
import urllib.request
from collections.abc import Iterator

HEADERS = {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": "gzip", "User-Agent": "Prometheus/bench"}


class MetricsPage:
    """A page's text."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    def values(self, name: str, label: str = "") -> Iterator[tuple[bytes, float]]:
        """(labels, value) of each sample of the series `name` whose labels contain `label`."""
        for labels, value in re.findall(rb"^%s(?:\{(.*)\})? (\S+)$" % name.encode(), self.text, re.MULTILINE):
            if label.encode() in labels:
                yield labels, float(value)

    def sum(self, name: str, label: str = "") -> float:
        return sum(value for _, value in self.values(name, label))


def fetch(url: str) -> bytes:
    """The page as it travels: compressed."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=HEADERS), timeout=30) as response:
        body: bytes = response.read()
    return body


def scrape(url: str) -> MetricsPage:
    body = fetch(url)
    return MetricsPage(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)


class Scraper:
    """Scrapes every `interval` seconds in a thread of its own; `took` holds each scrape's seconds."""

    def __init__(self, url: str, interval: float) -> None:
        self.took: list[float] = []
        self._url = url
        self._interval = interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Scraper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            began = time.monotonic()
            fetch(self._url)
            self.took.append(time.monotonic() - began)
            due = max(due + self._interval, time.monotonic())
