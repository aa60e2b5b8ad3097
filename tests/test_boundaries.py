"""The rooms of this house, held by reading every import: a number may import only smaller numbers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "exporter"

# One line a floor, lowest first; names on a line that are joined by "+" are one room, "|" separates siblings.
FLOORS = (
    "model+readings",
    "errors | kinds | languages",
    "options",
    "logs | assertions | spikes | exposition+deduction",
    "net",
    "client+request+exchange+dialogue+budget+strangers | fetch",
    "probes | regions | signals",
    "tracks+evidence+findings+sentences+causes+confidence+quorum+looking+verdict | config",
    "attempt",
    "schedule+worker+wire+crew+asking+portion | history+state+crowd+elsewhere+sighted | listening",
    "metrics",
    "web",
    "check | terminal | export | replay+simulation",
    "main",
    "cli",
)
ROOMS = {
    name.strip(): (floor, room.strip())
    for floor, line in enumerate(FLOORS)
    for room in line.split("|")
    for name in room.split("+")
}
ONLY_IN = {
    "yaml": ("config",),
    # What is written by strangers and what is written by the operator is checked by the same library.
    "pydantic": ("config", "fetch"),
    "prometheus_client": ("metrics",),
    "sqlite3": ("history",),
    # The server of the pages, and the client of the signals.
    "aiohttp": ("web", "fetch"),
    "pycares": ("net",),
    "httptools": ("net",),
    "h2": ("net",),
    "socksio": ("net",),
    "wsproto": ("net",),
    "h11": ("net",),
    "aioquic": ("net",),
    "pylsqpack": ("net",),
    "OpenSSL": ("net",),
    "service_identity": ("net",),
    "cel_expr_python": ("assertions",),
}

# The one hook by which a scalar type tells pydantic how it is parsed; it imports pydantic only when config asks.
HOOKS = {("options", "pydantic")}


def room_of(file: Path) -> str:
    first = file.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports_of(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files() -> list[Path]:
    return [file for file in sorted(PACKAGE.rglob("*.py")) if file.parent != PACKAGE or file.stem != "__init__"]


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_room_imports_only_from_lower_floors(file: Path) -> None:
    mine = room_of(file)
    floor, room = ROOMS[mine]
    for name in imports_of(file):
        parts = name.split(".")
        if parts[0] != "exporter" or len(parts) < 2 or parts[1] not in ROOMS:
            continue
        other_floor, other_room = ROOMS[parts[1]]
        assert other_floor < floor or other_room == room, f"{mine} imports {name}"


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_library_is_used_only_in_its_room(file: Path) -> None:
    for name in imports_of(file):
        if (room_of(file), name.split(".")[0]) in HOOKS:
            continue
        homes = ONLY_IN.get(name.split(".")[0])
        assert homes is None or room_of(file) in homes, f"{name} belongs to {homes}"


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_sockets_are_opened_only_in_net(file: Path) -> None:
    if room_of(file) in ("net", "web"):
        return
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            # A socket pair to a worker, and a descriptor inherited from one, lead to no network.
            inherited = any(keyword.arg == "fileno" for keyword in node.keywords)
            assert called not in ("socket.socket", "socket.create_connection") or inherited, called


KINDS = [file for room in ("probes", "regions", "signals") for file in (PACKAGE / room).glob("*.py")]


@pytest.mark.parametrize("file", KINDS)
def test_siblings_never_import_each_other(file: Path) -> None:
    mine = room_of(file)
    assert not [name for name in imports_of(file) if name.startswith(f"exporter.{mine}.")]
