"""What `test_accessibility.py` asks of some pages, asked of all others."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.stack.browser.test_accessibility import ALL, LOOKED_AT, Scenes, looked_at, scenes
from tests.stack.browser.test_accessibility import (
    test_a_narrow_phone_shows_all_of_it_without_scrolling_sideways as narrow,
)
from tests.stack.browser.test_accessibility import test_axe_finds_nothing_wrong as axe
from tests.stack.browser.test_accessibility import test_it_asks_nobody_else as alone
from tests.stack.browser.test_accessibility import test_there_is_contrast_enough_in_the_dark as dark

__all__ = ["scenes"]

pytestmark = pytest.mark.asyncio(loop_scope="module")
OTHERS = [one for one in ALL if one not in LOOKED_AT]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=OTHERS, ids="/".join)
async def page(request: pytest.FixtureRequest, chromium: Browser, scenes: Scenes) -> AsyncIterator[Page]:
    """Each of the others, opened once."""
    scene, path = request.param
    async with looked_at(chromium, f"{await scenes.address(scene)}/{path}") as page:
        yield page


test_axe, test_dark, test_narrow, test_alone = axe, dark, narrow, alone
