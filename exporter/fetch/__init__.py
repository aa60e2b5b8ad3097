"""The one way by which signals read what others publish: bounded in time and size, polite, and wary of what it reads.

`Fetch.get` has one deadline for everything, a cap on the size after decompression, further attempts with backoff and
jitter, conditional requests, and keeps away from a host that asked for it. Redirects are followed by hand: each hop is
resolved by `net` and guarded, and none leads from a public host into the operator's own network. Whatever goes wrong
is a SignalError with its fault from the closed set in `readings`; foreign exceptions end here.
"""

from exporter.fetch.fetch import Answer, Fetch
from exporter.fetch.parsing import moment, one_line, parse_json
from exporter.fetch.socket import Socket

__all__ = ["Answer", "Fetch", "Socket", "moment", "one_line", "parse_json"]
