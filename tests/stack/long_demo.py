"""The demonstration as long as a page takes."""

from __future__ import annotations

from tests.servers.turns import TURNS
from tests.stack.test_demo import demo, end, read_until

LONG_TURN = "150"
"""Seconds, of which 100 are an outage: enough for a page."""


async def test_an_outage_rings_the_phone_with_its_feature_its_reason_and_what_to_do() -> None:
    process = await demo("--every", LONG_TURN)
    try:
        await read_until(process, f"broke: {TURNS[0].did}")
        rings = (await read_until(process, "the phone rings: ", float(LONG_TURN)))[-1]
        assert "TikTok upload is down in 3 of 3 regions" in rings
        page = await read_until(process, "| Do: ")
        assert any("| Reason" in line for line in page)
    finally:
        await end(process)
