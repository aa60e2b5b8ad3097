"""Being somebody who may do less than the tests' own user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534


@contextmanager
def dropped_privileges(folder: Path) -> Iterator[None]:
    """Inside, root is nobody, who may search `folder` and those above it; anybody else stays who he is."""
    if os.geteuid() != 0:
        yield
        return
    opened = [(above, above.stat().st_mode) for above in (folder, *folder.parents) if not above.stat().st_mode & 0o001]
    for above, mode in opened:
        above.chmod(mode | 0o001)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        for above, mode in opened:
            above.chmod(mode)
