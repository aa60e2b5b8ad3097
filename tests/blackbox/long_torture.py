"""Every prober meets every peer that misbehaves: it ends by its deadline, says what was done, and leaves nothing."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from exporter import kinds
from exporter.dialogue import Step
from exporter.model import Reason, Result
from tests.blackbox.tormented import ANYBODY, PROBERS
from tests.blackbox.torture import DEADLINE, Tormentor
from tests.probing import open_descriptors, probe
from tests.servers.hose import hosing
from tests.servers.quic import UDPServer
from tests.servers.torture import HEAD, closes_at_once
from tests.servers.torture_bytes import NOISE

SLACK = 2.0
"""Seconds: a hundred probes and their peers are on one loop here, and keep one another waiting."""

MEGABYTE = 1 << 20
LARGEST = 160 * MEGABYTE
"""What the probes of one kind and all their peers may need at once; the peers' floods have most of it."""


@contextmanager
def memory_bounded_to(limit: int) -> Iterator[None]:
    """The process' peak of resident memory may grow by so many bytes inside."""
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak is now what there is
    before = _peak()
    yield
    assert _peak() - before < limit


def _peak() -> int:
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) << 10


def complaint(result: Result, took: float) -> str | None:
    """What is wrong with how a probe ended that could not end well."""
    if result.ok or result.reason is None:
        return "it is fine"
    if result.reason is Reason.INTERNAL:
        return f"it is our own fault: {result.message}"
    if not result.message or "\n" in result.message or len(result.message) > 500:
        return f"no sentence: {result.message!r}"
    if took > DEADLINE + SLACK:
        return f"it took {took:.2f} s"
    return None


@pytest.mark.parametrize("kind", sorted({prober.kind for prober in PROBERS.values()}))
async def test_a_peer_that_misbehaves_costs_one_probe_and_nothing_else(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tormentors = {
        name: Tormentor(prober, tmp_path / str(number))
        for number, (name, prober) in enumerate(PROBERS.items())
        if prober.kind == kind
    }
    meetings = {
        f"{name}: {peer}": tormentor.meet(behaviour, place)
        for name, tormentor in tormentors.items()
        for place, (peer, behaviour) in enumerate({**ANYBODY, **PROBERS[name].meets}.items())
    }
    for tormentor in tormentors.values():  # what a process opens once, and imports, is there
        await tormentor.meet(closes_at_once, len(meetings))
    before = open_descriptors()
    with memory_bounded_to(LARGEST):
        met = await asyncio.gather(*meetings.values())
    complaints = {meeting: complaint(*came) for meeting, came in zip(meetings, met, strict=True)}
    assert {meeting: said for meeting, said in complaints.items() if said} == {}
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert open_descriptors() <= before


DATAGRAMS: dict[str, Callable[[bytes], list[bytes]]] = {
    "silence": lambda _: [],
    "nothing": lambda _: [b""],
    "noise": lambda _: [NOISE[:512]],
    "noise in crowds": lambda _: [NOISE[:512]] * 1000,
    "the question": lambda question: [question],
    "another's answer": lambda question: [bytes(2) + question[2:]],
    "half a header": lambda question: [question[:7]],
    "more records than there are": lambda question: [question[:2] + b"\x81\x80" + b"\xff" * 8 + question[12:]],
    "a name in a circle": lambda question: [question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c\0\1\0\1"],
}


async def test_datagrams_that_answer_nothing_cost_one_probe(caplog: pytest.LogCaptureFixture) -> None:
    async def meet(server: UDPServer) -> tuple[Result, float]:
        async with server:
            began = time.monotonic()
            result = await probe("dns", f"127.0.0.1:{server.port}", within=DEADLINE, query_name="box.example")
            return result, time.monotonic() - began

    await meet(UDPServer(lambda question: [question[:2]]))
    servers = [UDPServer(answer) for answer in DATAGRAMS.values()]
    before = open_descriptors()
    met = await asyncio.gather(*map(meet, servers))
    complaints = {name: complaint(*came) for name, came in zip(DATAGRAMS, met, strict=True)}
    assert {name: said for name, said in complaints.items() if said} == {}
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert open_descriptors() <= before


EXPECT = {"query_response": (Step(expect="^220 ready"),)}
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
HOSES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "lines": ("tcp", {"piece": b"nothing to see here\n"}, EXPECT),
    "empty lines": ("tcp", {"piece": b"\n"}, EXPECT),
    "a body": ("http", {"piece": b"4000\r\n" + bytes(0x4000) + b"\r\n", "first": CHUNKED}, {}),
    "answers to other questions": ("dns", {"piece": bytes(40), "datagrams": True}, {"query_name": "box.example"}),
}


@pytest.mark.parametrize("name", HOSES)
async def test_a_peer_that_sends_faster_than_we_read_does_not_keep_the_loop(name: str) -> None:
    kind, sent, options = HOSES[name]
    kinds.module("probes", kind)  # importing it keeps the loop as well, once
    began, turns = time.monotonic(), 0
    with memory_bounded_to(32 * MEGABYTE):
        async with hosing(**sent) as port:
            target = f"http://127.0.0.1:{port}/" if kind == "http" else f"127.0.0.1:{port}"
            probing = asyncio.create_task(probe(kind, target, within=DEADLINE, **options))
            while not probing.done():
                await asyncio.sleep(0.01)
                turns += 1
    assert complaint(await probing, time.monotonic() - began) is None
    assert turns > 4
