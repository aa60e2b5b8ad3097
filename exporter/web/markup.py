"""What may stand in XML."""

from __future__ import annotations

import re

# What no XML 1.0 document may hold, not even escaped (its section 2.2).
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """The text without what would break a document: strangers' words stand in it."""
    return _NOT_IN_XML.sub("\ufffd", text)
