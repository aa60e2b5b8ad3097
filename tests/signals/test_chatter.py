"""The benchmark of the stream, in short: its numbers mean something only if it counts right."""

from __future__ import annotations

from bench.chatter import COMPLAINTS, OTHERS, run
from exporter.model import Service
from exporter.options import compiled

PATTERN = "(?i)is tiktok down|tiktok (?:is down|isn't|geht|ne marche)|cayó tiktok"
TIKTOK = Service("tiktok", "TikTok", (), complaints=(PATTERN,))


def test_the_pattern_of_this_test_tells_complaints_from_the_rest() -> None:
    assert all(compiled(PATTERN).search(text) for text in COMPLAINTS)
    assert not any(compiled(PATTERN).search(text) for text in OTHERS)


async def test_a_busy_stream_that_is_cut_and_resumed_counts_every_post_once() -> None:
    outcome = await run(1.5, 300.0, 0.2, TIKTOK, interval=0.1)
    assert outcome.connections == 2
    assert outcome.posts > 300
    assert (outcome.posts_counted, outcome.complaints_counted) == (outcome.posts, outcome.complaints)
    assert outcome.replayed
