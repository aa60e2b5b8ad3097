"""Mastodon's hashtags: each status once, whatever it says of itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.errors import SignalError
from exporter.readings import BUCKET, Fault, Reading
from exporter.signals import mastodon
from tests.servers.origin import Reply, Request, as_json
from tests.signals.polling import Asking

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()


class Timeline:
    """Statuses by id; a page is what Mastodon would answer."""

    def __init__(self) -> None:
        self.statuses: list[dict[str, Any]] = []

    def say(self, content: str, at: float = NOON) -> None:
        created = datetime.fromtimestamp(at, UTC).isoformat()
        self.statuses.append({"id": str(99 + len(self.statuses)), "created_at": created, "content": content})

    def __call__(self, request: Request) -> Reply:
        since, until = int(request.query.get("since_id", 0)), int(request.query.get("max_id", 1 << 62))
        found = [status for status in self.statuses if since < int(status["id"]) < until]
        return as_json(found[::-1][: int(request.query["limit"])])


def options(url: str) -> mastodon.Options:
    return mastodon.Options(instances=(url,), tags={"tiktok": ("tiktok",)})


class Reader(Asking):
    """Asks one server, whose address is another each time and so stands for one name."""

    def __init__(self) -> None:
        super().__init__("mastodon", NOON)

    async def look(self, timeline: Any, make: Any = options) -> Reading:
        def told(url: str) -> Any:
            self.bookmark = self.bookmark.replace("http://the.instance", url)
            self._url = url
            return make(url)

        reading = await self.read(timeline, told)
        self.bookmark = self.bookmark.replace(self._url, "http://the.instance")
        return reading


def counted(reading: Reading) -> tuple[int, int]:
    return sum(tally.count for tally in reading.tallies), sum(tally.out_of or 0 for tally in reading.tallies)


async def test_the_first_look_counts_nothing_and_claims_nothing() -> None:
    timeline, reader = Timeline(), Reader()
    timeline.say("TikTok down")
    reading = await reader.look(timeline)
    assert counted(reading) == (0, 0)
    assert reading.since == reading.at


async def test_what_is_written_after_it_counts_once() -> None:
    timeline, reader = Timeline(), Reader()
    await reader.look(timeline)
    timeline.say("<p>Is TikTok<br>down?</p>")
    timeline.say('<p>a cat <a href="https://a.example/">#<span>tiktok</span></a></p>')
    reader.now += 60
    reading = await reader.look(timeline)
    reader.now += 60
    assert counted(reading) == (1, 2)
    assert (reading.since, reading.at) == (NOON, NOON + 60)
    assert counted(await reader.look(timeline)) == (0, 0)


async def test_markup_is_no_text() -> None:
    timeline, reader = Timeline(), Reader()
    await reader.look(timeline)
    timeline.say('<p title="tiktok down">fine</p><a href="/tiktok/down">x</a>')
    timeline.say("TikTok isn&#39;t up: TikTok&nbsp;down")
    assert counted(await reader.look(timeline)) == (1, 2)


async def test_more_than_a_page_is_read_to_what_is_known() -> None:
    timeline, reader = Timeline(), Reader()
    timeline.say("before")
    await reader.look(timeline)
    for _ in range(95):
        timeline.say("tiktok not working")
    assert counted(await reader.look(timeline)) == (95, 95)


async def test_what_is_too_much_to_read_is_not_claimed_as_covered() -> None:
    timeline, reader = Timeline(), Reader()
    timeline.say("before")
    await reader.look(timeline)
    for second in range(500):
        timeline.say("tiktok not working", NOON + second)
    reader.now += 600
    reading = await reader.look(timeline)
    assert counted(reading) == (400, 400)
    assert reading.since == NOON + 100


async def test_statuses_count_in_the_bucket_they_were_written_in() -> None:
    timeline, reader = Timeline(), Reader()
    await reader.look(timeline)
    timeline.say("tiktok down", NOON - 1)
    timeline.say("tiktok down", NOON)
    assert [tally.start for tally in (await reader.look(timeline)).tallies] == [NOON - BUCKET, NOON]


async def test_one_status_from_the_future_is_left_out() -> None:
    timeline, reader = Timeline(), Reader()
    await reader.look(timeline)
    timeline.say("tiktok down", NOON + 86400)
    timeline.say("tiktok down")
    assert counted(await reader.look(timeline)) == (1, 1)


async def test_only_statuses_from_the_future_are_a_fault() -> None:
    timeline = Timeline()
    timeline.say("tiktok down", NOON + 86400)
    with pytest.raises(SignalError, match="future") as caught:
        await Reader().look(timeline)
    assert caught.value.fault is Fault.FORMAT


async def test_all_tags_are_asked_for_at_once() -> None:
    reader = Reader()
    await reader.look(
        Timeline(), lambda url: mastodon.Options(instances=(url,), tags={"tiktok": ("tiktok", "tiktokdown")})
    )
    (request,) = reader.requests
    assert request.path == "/api/v1/timelines/tag/tiktok"
    assert request.query == {"limit": "40", "any[]": "tiktokdown"}


async def test_several_instances_are_asked_for_their_own_people_alone() -> None:
    reader = Reader()
    await reader.look(Timeline(), lambda url: mastodon.Options(instances=(url, url.replace("127.0.0.1", "localhost"))))
    assert [request.query.get("local") for request in reader.requests] == ["true", "true"]


async def test_a_bookmark_of_something_else_begins_anew() -> None:
    timeline, reader = Timeline(), Reader()
    timeline.say("tiktok down")
    reader.bookmark = "1783175888090631 wss://a.example"
    assert counted(await reader.look(timeline)) == (0, 0)


@pytest.mark.parametrize("tags", [(), ("#tiktok",), ("tik tok",)])
def test_a_hashtag_is_one_word(tags: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"tags\.tiktok"):
        mastodon.Options(tags={"tiktok": tags})
