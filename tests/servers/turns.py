"""What the demonstration breaks, turn after turn, and what the exporter should then say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.servers.faults import CONTROLS

EU, US = "eu-west", "us-east"


@dataclass(frozen=True, slots=True)
class Turn:
    """What is broken, as arguments of `Box.break_`, and what the exporter should then say.

    `published` are signals whose publishers tell of trouble, and `reports` how many people report the features that
    are broken: too few to be taken for an outage, which would last longer than a turn.
    """

    did: str
    faults: tuple[dict[str, Any], ...]
    headline: str
    sentence: str
    published: tuple[str, ...] = ()
    reports: int = 0

    @property
    def region(self) -> str | None:
        """The region it is about."""
        return self.faults[0].get("region")


UP = "TikTok is up."
TURNS = (
    Turn("uploads are cut off", ({"feature": "upload", "mode": "reset"},), "TikTok is partly down.", "upload is down"),
    Turn(
        "videos do not load, Oracle's cloud has an incident, TikTok says so, and some people report it",
        ({"feature": "video", "mode": "reset"},),
        "TikTok is partly down.",
        "TikTok for Business says",
        published=("oracle", "tiktok_business"),
        reports=6,
    ),
    Turn(
        f"the controls of {US} do not answer",
        ({"feature": CONTROLS, "region": US, "mode": "reset"},),
        UP,
        f"{US} is blind",
    ),
    Turn(
        f"live is cut off, seen from {EU} alone",
        ({"feature": "live", "region": EU, "mode": "reset"},),
        "TikTok is partly down.",
        "live is down in 1 of",
    ),
    Turn(
        "short links answer 503",
        ({"host": "vm.tiktok.com", "mode": "status 503"},),
        "TikTok is up, but degraded.",
        "feed is degraded",
    ),
    Turn("the API shows a bot wall", ({"feature": "api", "mode": "blocked"},), UP, "api turns our probes away"),
    Turn("every certificate of TikTok has expired", ({"mode": "bad certificate"},), "TikTok is down.", "feed is down"),
    Turn(
        "nothing answers at all, nor do the controls",
        ({"mode": "refuse"}, {"feature": CONTROLS, "mode": "refuse"}),
        "We can't tell whether TikTok is down.",
        "the problem is on your end",
    ),
)
