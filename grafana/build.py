"""`python -m grafana.build` writes the dashboards; what it writes is committed, and a test holds it to this source."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import endpoint, history, service, stack

FOLDER = Path(__file__).parent / "dashboards"

BOARDS: Mapping[str, Callable[[], Dashboard]] = {
    module.UID: module.board for module in (service, endpoint, history, stack)
}
"""By uid, which is the file's name, too."""

_SCHEMA = 42

# The SDK puts links and annotations into a menu that only newest Grafanas have; they belong in plain sight.
_MENU = "inControlsMenu"


def texts() -> Iterator[tuple[Path, str]]:
    """Each file with what it must contain."""
    for uid, board in BOARDS.items():
        yield FOLDER / f"{uid}.json", as_json(board())


def as_json(board: Dashboard) -> str:
    content = _in_plain_sight(json.loads(json.dumps(board.build(), cls=JSONEncoder)))
    return json.dumps({**content, "schemaVersion": _SCHEMA}, indent=1, sort_keys=True) + "\n"


def _in_plain_sight(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_plain_sight(each) for key, each in value.items() if each != _MENU}
    return [_in_plain_sight(each) for each in value] if isinstance(value, list) else value


def main() -> None:
    """Write all of them."""
    for file, text in texts():
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
