"""Those who publish what the shipped signals read, in the box: the product reads them where they are, unchanged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from exporter import config, kinds
from exporter.errors import SignalError
from exporter.fetch import Fetch
from exporter.model import Config, Signal
from exporter.readings import Fault, Reading
from tests.servers.box import SHIPPED, Box
from tests.signals.case import kinds_to_ask
from tests.signals.meeting import tells

ASKED = [
    name
    for name, block in yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["signals"].items()
    if block["kind"] in kinds_to_ask()
]
IMPATIENT = 0.3
"""Seconds."""


class Reader:
    """Reads the shipped signals as the program does, once."""

    def __init__(self, loaded: Config) -> None:
        self._config = loaded
        self.fetch = Fetch(loaded.network, backoff=0.01)

    def signal(self, name: str) -> Signal:
        return next(signal for signal in self._config.signals if signal.name == name)

    async def read(self, name: str) -> Reading:
        signal = replace(self.signal(name), interval=0.0)
        services = [service for service in self._config.services if service.name in signal.services]
        module = kinds.module("signals", signal.kind)
        if hasattr(module, "read"):
            reading: Reading = await module.read(signal, services, self.fetch, "")
            return reading
        async with aclosing(module.follow(signal, services, self.fetch, "")) as stream:
            await anext(stream)  # which may end before the first post
            following: Reading = await anext(stream)
            return following


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with Box() as box:
        yield box


@pytest.fixture
async def reader(box: Box, tmp_path: Path) -> AsyncIterator[Reader]:
    reader = Reader(config.load((SHIPPED, box.write_config(tmp_path)), {}))
    yield reader
    await reader.fetch.close()


async def test_all_is_calm_until_somebody_publishes(reader: Reader) -> None:
    for name in ASKED:
        assert not tells(await reader.read(name)), name


async def test_what_is_published_is_read_at_the_shipped_address(box: Box, reader: Reader) -> None:
    for name in ASKED:
        box.publish(name)
        assert tells(await reader.read(name)), name
    box.mend()
    for name in ASKED:
        assert not tells(await reader.read(name)), name


async def test_an_incident_upstream_is_where_the_shipped_services_run(box: Box, reader: Reader) -> None:
    box.publish("oracle")
    box.publish("aws")
    assert [notice.locations for notice in (await reader.read("oracle")).notices] == [("us-ashburn-1",)]
    assert [notice.locations for notice in (await reader.read("aws")).notices] == [("us-east-1",)]


@pytest.mark.parametrize("signal", ["ooni", "ioda"])
async def test_the_country_in_trouble_can_be_chosen(box: Box, reader: Reader, signal: str) -> None:
    box.publish(signal, country="BR")
    assert [found.country for found in (await reader.read(signal)).restrictions] == ["BR"]


@pytest.mark.parametrize("signal", ["oracle", "bluesky"])
async def test_a_publisher_can_be_wrong(box: Box, reader: Reader, signal: str) -> None:
    box.publish(signal, "wrong")
    with pytest.raises(SignalError) as caught:
        await reader.read(signal)
    assert caught.value.fault is Fault.FORMAT


async def test_a_publisher_can_be_silent_and_speak_again(box: Box, reader: Reader) -> None:
    box.publish("oracle", "silent")
    with pytest.raises(SignalError) as caught:
        await reader.fetch.get(reader.signal("oracle").options.url, deadline=IMPATIENT)
    assert caught.value.fault is Fault.TIMEOUT
    box.publish("oracle", "calm")
    assert not tells(await reader.read("oracle"))


async def test_a_host_of_the_service_that_publishes_too_is_both(box: Box, reader: Reader) -> None:
    box.break_(feature="ads", mode="status 503")
    assert not tells(await reader.read("tiktok_business"))
    answer = await reader.fetch.get("https://business-api.tiktok.com/elsewhere")
    assert b"TikTok" in answer.body


async def test_a_signal_that_the_box_does_not_have_is_refused(box: Box) -> None:
    with pytest.raises(ValueError, match=r"no publisher of signal 'orcale' \(bluesky, "):
        box.publish("orcale")
