"""The benchmarks of the probe path, one after the other; `python -m bench cpu memory` runs only those named.

The others take minutes or mean something only by themselves: `python -m bench.soak`, `.paging`, `.spikes`, `.reports`,
`.chatter`, `.live`, `.readers`, `.silence`, `.sizing`, `.probe_page`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from itertools import chain

from bench.report import print_machine, print_table

ALL = ("cpu", "first_byte", "memory", "metrics_page")


def main() -> None:
    chosen = sys.argv[1:] or ALL
    unknown = set(chosen) - set(ALL)
    if unknown:
        raise SystemExit(f"{', '.join(sorted(unknown))}: not one of {', '.join(ALL)}")
    print_machine()
    print_table(chain.from_iterable(import_module(f"bench.{name}").measure() for name in chosen))


if __name__ == "__main__":
    main()
