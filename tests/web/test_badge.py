"""The badge, over real HTTP."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.model import Answer
from exporter.web import copies
from exporter.web.badge import COLOURS
from tests.configurations import config
from tests.web.served import Served

SVG = "{http://www.w3.org/2000/svg}"
PATH = "/tiktok/badge.svg"


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """Whose pages are made whenever they are asked for."""
    monkeypatch.setattr(copies, "FRESH_FOR", 0.0)
    async with Served(tmp_path) as running:
        yield running


async def drawn(served: Served) -> ET.Element:
    status, text, headers = await served.get(PATH)
    assert (status, headers["Content-Type"]) == (200, "image/svg+xml")
    assert headers["Cache-Control"].startswith("public, max-age=5,")
    assert headers["X-Content-Type-Options"] == "nosniff"
    return ET.fromstring(text)


def title(served: Served, text: str) -> None:
    loaded = config("home")
    served.running.apply(replace(loaded, services=(replace(loaded.services[0], title=text),)))


@pytest.mark.parametrize(
    ("answer", "word"),
    [("up", "up"), ("degraded", "degraded"), ("partial", "partly down"), ("down", "down"), ("unknown", "unknown")],
)
async def test_the_answer_is_a_word_and_a_colour(served: Served, answer: str, word: str) -> None:
    verdicts = served.running.store.verdicts
    verdicts["tiktok"] = replace(verdicts["tiktok"], answer=Answer(answer))
    badge = await drawn(served)
    assert (badge.get("role"), badge.get("aria-label")) == ("img", f"TikTok: {word}")
    assert badge.findtext(f"{SVG}title") == f"TikTok: {word}"
    assert [text.text for text in badge.iter(f"{SVG}text")] == ["TikTok", word]
    assert COLOURS[Answer(answer)] in [rect.get("fill") for rect in badge.iter(f"{SVG}rect")]


async def test_before_a_first_verdict_it_is_grey(served: Served) -> None:
    served.running.store.verdicts.clear()
    assert (await drawn(served)).findtext(f"{SVG}title") == "TikTok: unknown"


@pytest.mark.parametrize("colour", COLOURS.values())
def test_white_is_read_on_every_colour(colour: str) -> None:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    assert 1.05 / (luminance + 0.05) >= 4.5


@pytest.mark.parametrize(
    "text",
    ["i", "TikTok", "W" * 40, "抖音国际版", "e\u0301" * 20, "x" * 500, "<script>alert(1)</script>", '"&\x1b\ud800'],
)
async def test_any_title_fits_and_stays_text(served: Served, text: str) -> None:
    title(served, text)
    badge = await drawn(served)
    name, state = badge.iter(f"{SVG}text")
    shown = name.text or ""
    assert shown == text[:60] or (shown.endswith("…") and len(shown) == 60) or "\ufffd" in shown
    width, left = float(badge.get("width", "0")), float(badge.findall(f".//{SVG}rect")[1].get("width", "0"))
    assert float(name.get("textLength", "0")) == left - 12
    assert float(state.get("textLength", "0")) == width - left - 12
    assert len(shown) * 3 <= left <= len(shown) * 11 + 12
    assert not list(badge.iter(f"{SVG}script"))


async def test_nothing_in_it_is_against_our_own_policy(served: Served) -> None:
    _, text, _ = await served.get(PATH)
    assert "style" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


async def test_a_service_that_is_not_there_is_said_so(served: Served) -> None:
    status, text, _ = await served.get("/%3Cscript%3E/badge.svg")
    assert (status, text) == (404, "404: no such service is watched here; / lists those that are.\n")
