"""Names to addresses through c-ares, so that the deadline is ours and not libc's.

libc's resolver blocks a thread for its own timeout times its own retries; here the attempt's
deadline cancels the query. An address literal is returned as it stands. No answer is cached: how
long a resolver takes is part of what is measured.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address

import aiodns

from exporter.errors import ProbeError
from exporter.model import Reason

_FAMILY = {"ip4": socket.AF_INET, "ip6": socket.AF_INET6}


class Resolver:
    """`nameservers` are `address` or `address:port`; none means the system's."""

    def __init__(self, nameservers: Sequence[str] = ()) -> None:
        self._nameservers = list(nameservers) or None

    async def addresses(self, host: str, preferred: str, fallback: bool) -> list[str]:
        """The addresses of `host`, those of the preferred family (`ip4`, `ip6`) first.

        Without fallback the other family is left out. ProbeError `resolve` when nothing is left.
        """
        literal = as_literal(host)
        found = [literal] if literal else await self._query(host, None if fallback else _FAMILY[preferred])
        mine = [address for address in found if _family_name(address) == preferred]
        others = [address for address in found if _family_name(address) != preferred] if fallback else []
        if not mine and not others:
            raise ProbeError(Reason.RESOLVE, f"{host} has no {preferred} address")
        return mine + others

    async def _query(self, host: str, family: int | None) -> list[str]:
        # A channel of its own for each lookup: c-ares caches answers by their TTL and cannot be told not to.
        # One query is repeated by c-ares once a second until the attempt's own deadline ends it.
        channel = aiodns.DNSResolver(nameservers=self._nameservers, timeout=1.0, tries=30, rotate=False)
        try:
            answer = await channel.getaddrinfo(
                host, family=socket.AddressFamily(family or socket.AF_UNSPEC), type=socket.SOCK_STREAM
            )
        except aiodns.error.DNSError as error:
            raise ProbeError(Reason.RESOLVE, f"cannot resolve {host}: {error.args[-1]}") from error
        except UnicodeError as error:
            raise ProbeError(Reason.RESOLVE, f"{host!r} is not a host name") from error
        finally:
            await channel.close()
        return [_text(node.addr[0]) for node in answer.nodes]


@lru_cache(maxsize=4096)
def as_literal(host: str) -> str | None:
    """The address itself when `host` is one, else None. Zone identifiers stay."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return host


def _family_name(address: str) -> str:
    return "ip6" if ":" in address else "ip4"


def _text(address: str | bytes) -> str:
    return address.decode() if isinstance(address, bytes) else address
