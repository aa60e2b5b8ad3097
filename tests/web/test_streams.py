"""Who is told of what, and when: made once for all, at once when the answer is another, and never what is over."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Self

import pytest

from exporter.web.streams import BEAT, PAUSE, Channel, Event, Source, Streams

KEY = ("tiktok", "en")


class Stage:
    """A verdict of which events are made; `made` counts them. `now` is the clock of `streams`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.answer: str | None = "up"
        self.says = "calm"
        self.fails = False
        self.made = 0
        self.streams = Streams(lambda: self.now)
        self.source = Source(lambda: self.answer, self._make)

    def ring(self, says: str = "calm", answer: str | None = "up", after: float = 0.5) -> None:
        self.now += after
        self.says, self.answer = says, answer
        self.streams.ring()

    def _make(self) -> Event:
        if self.fails:
            raise ValueError("a fault of a template")
        self.made += 1
        return Event(self.says, str(self.answer), b"")


@pytest.fixture
def stage() -> Stage:
    return Stage()


class Turn:
    """Whether a channel's listener has had its turn since it was last asked: `turn = await Turn(channel).begun()`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def begun(self) -> Self:
        self._waiting = asyncio.create_task(self._channel.turn())
        await asyncio.sleep(0)
        return self

    async def came(self) -> bool:
        await asyncio.sleep(0)
        came = self._waiting.done()
        if came:
            await self.begun()
        return came


def test_nothing_is_made_while_nobody_listens(stage: Stage) -> None:
    stage.ring("loud", "down")
    assert stage.made == 0


async def test_an_event_is_made_once_however_many_listen(stage: Stage) -> None:
    with ExitStack() as open_pages:
        channels = [open_pages.enter_context(stage.streams.listen(KEY, stage.source)) for _ in range(1000)]
        turns = [asyncio.create_task(channel.turn()) for channel in channels]
        await asyncio.sleep(0)
        stage.ring("loud", "down")
        await asyncio.gather(*turns)
        assert stage.made == 2
        assert {channel.newest.version for channel in channels} == {"loud"}
        assert stage.streams.count == 1000
    assert stage.streams.count == 0


async def test_a_verdict_that_says_the_same_wakes_nobody(stage: Stage) -> None:
    with stage.streams.listen(KEY, stage.source) as channel:
        turn = await Turn(channel).begun()
        stage.ring(after=PAUSE)
        assert stage.made == 2
        assert not await turn.came()


async def test_another_answer_is_told_at_once_and_another_sentence_after_a_pause(stage: Stage) -> None:
    with stage.streams.listen(KEY, stage.source) as channel:
        turn = await Turn(channel).begun()
        stage.ring("12 reports")
        assert (await turn.came(), stage.made) == (False, 1)
        stage.ring("down", "down")
        assert (await turn.came(), channel.newest.version) == (True, "down")
        stage.ring("down, 13 reports", "down")
        assert not await turn.came()
        stage.ring("down, 14 reports", "down", after=PAUSE)
        assert (await turn.came(), channel.newest.version) == (True, "down, 14 reports")


async def test_whoever_shows_another_version_waits_for_the_next_judgement_and_not_for_the_pause(stage: Stage) -> None:
    with stage.streams.listen(KEY, stage.source) as channel:
        turn = await Turn(channel).begun()
        channel.doubt()
        assert not await turn.came()
        stage.ring("12 reports")
        assert (await turn.came(), channel.newest.version) == (True, "12 reports")
        channel.doubt()
        stage.ring("12 reports")
        assert await turn.came()


async def test_life_is_told_after_a_beat_and_only_by_a_judgement(stage: Stage) -> None:
    with stage.streams.listen(KEY, stage.source) as channel:
        turn = await Turn(channel).begun()
        stage.now += 10 * BEAT
        assert not await turn.came()
        stage.ring()
        assert await turn.came()
        stage.ring(after=BEAT - 1)
        assert not await turn.came()
        stage.ring(after=1)
        assert await turn.came()


async def test_languages_and_services_are_told_apart(stage: Stage) -> None:
    with stage.streams.listen(KEY, stage.source) as one, stage.streams.listen(("tiktok", "de"), stage.source) as other:
        assert one is not other
        stage.ring("down", "down")
        assert stage.made == 4


async def test_a_service_that_a_reload_removes_ends_its_streams(stage: Stage) -> None:
    with stage.streams.listen(KEY, stage.source) as channel:
        turn = await Turn(channel).begun()
        stage.ring(answer=None)
        assert (await turn.came(), channel.ended) == (True, True)


async def test_a_page_that_cannot_be_made_ends_its_streams_and_nothing_else(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    with stage.streams.listen(KEY, stage.source) as channel:
        stage.fails = True
        stage.ring("down", "down")
        assert channel.ended
        assert "an event cannot be made" in caplog.text
        stage.fails = False
        with stage.streams.listen(KEY, stage.source) as again:
            assert again is not channel
            assert not again.ended
