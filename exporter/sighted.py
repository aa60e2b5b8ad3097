"""What the log says of regions: which went blind and why, which see again."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from exporter.tracks import Sight

log = logging.getLogger(__name__)


class Sighted:
    """Remembers what was said of each region. A region that sees from the start is not worth a word."""

    def __init__(self) -> None:
        self._blind: frozenset[str] = frozenset()

    def tell(self, sights: Mapping[str, Sight]) -> None:
        """Log what changed since the last time; regions that are blind for the same reason are one line."""
        known = {name: sees for name, sees in sights.items() if not sees.pending}
        blind = {name for name, sees in known.items() if not sees.seeing}
        for why in dict.fromkeys(known[name].sentence for name in known if name in blind - self._blind):
            names = [name for name in known if known[name].sentence == why and name in blind - self._blind]
            log.warning("blind", extra={"regions": ", ".join(names), "why": why})
        if again := [name for name in known if name in self._blind - blind]:
            log.info("seeing again", extra={"regions": ", ".join(again)})
        self._blind = frozenset(blind | (self._blind & (sights.keys() - known.keys())))
