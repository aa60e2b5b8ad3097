"""`python -m tests.replays` prints what results.md holds."""

from __future__ import annotations

from tests.replays import tables

if __name__ == "__main__":
    print(tables.markdown(tables.results()), end="")
