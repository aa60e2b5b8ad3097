"""Globalping: probes of volunteers in a country, a city or a network answer for a region where one has no server.

One measurement (https://globalping.io/docs/api.globalping.io) asks `probes` of them at once, and their majority decides
(`strangers`): each is an attempt of its own, so three who all fail need no confirmation. A control is asked of one.
What is asked is counted (`budget`): without an account an address has 250 tests an hour, and a probe is a test.

What goes wrong between us and Globalping, or at Globalping, is `vantage`: an error, a quota that is spent, silence,
an answer that is none, no probe at that place. Secrets never go to strangers: endpoints with credentials are refused.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exporter import strangers
from exporter.budget import HOUR, Ledger
from exporter.client import ClientConfig
from exporter.errors import ProbeError
from exporter.exchange import Reply, exchange, unasked
from exporter.model import CONTROLS, Endpoint, Probe, Quota, Reason, Result
from exporter.net import Attempt
from exporter.options import Country, Secret
from exporter.strangers import asking

SUPPORTS = asking.SUPPORTS

ANSWERS_WITHIN = 10.0
"""Seconds beside the measurement's own timeout that its answers may take, as documented."""

PATIENCE = 15.0
"""Seconds beside the measurement's own timeout for all of it: that, and ours for asking."""

POLL_AFTER = 0.5
"""Seconds from an answer to the next question, at least."""

_POLL_SLOWER, _POLL_AT_MOST = 1.5, 2.0
_PROBES = 50  # of one measurement, without an account


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where the probes are, by any of these; `network` is a provider's name, `tags` are Globalping's, such as
    `eyeball-network`. `probes` is how many are asked each time."""

    country: Country | None = None
    city: str | None = None
    network: str | None = None
    tags: tuple[str, ...] = ()
    probes: int = 3

    def __post_init__(self) -> None:
        if not (self.country or self.city or self.network or self.tags):
            raise ValueError("say where: a country, city, network or tags")
        if not 1 <= self.probes <= _PROBES:
            raise ValueError(f"probes: {self.probes} is not from 1 to {_PROBES}")


def cost(endpoint: Endpoint, options: Options) -> int:
    """Tests that a run uses up."""
    return 1 if endpoint.service == CONTROLS else options.probes


def planned(endpoint: Endpoint, pace: float) -> Endpoint:
    """The endpoint as it runs here: every `pace` seconds or more rarely, with time to ask for what was found."""
    timeout = min(endpoint.timeout, asking.LONGEST) + PATIENCE
    return replace(endpoint, interval=max(endpoint.interval, pace, 2 * timeout), timeout=timeout)


def faults(options: Options, endpoints: Sequence[Endpoint]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What of these endpoints strangers cannot do."""
    for endpoint in endpoints:
        if endpoint.kind in SUPPORTS and (fault := strangers.fault(endpoint)) is not None:
            yield (), f"Globalping cannot probe {endpoint.service}.{endpoint.name}: {fault}"


async def run(endpoint: Endpoint, probe: Probe, options: Options, net: Attempt) -> Result:
    """Ask strangers; what they decide, with as many witnesses as say so."""
    net.enter(None, "waiting for Globalping", Reason.VANTAGE)
    if (fault := strangers.fault(endpoint)) is not None:
        raise ProbeError(Reason.VANTAGE, f"Globalping cannot probe it: {fault}")
    count = cost(endpoint, options)
    api = _Api(net)
    api.spend(count)
    asked = strangers.request(endpoint, _where(options, count), endpoint.timeout - PATIENCE)
    found = strangers.opinions(endpoint, await _measure(api, asked))
    decision = strangers.decide(found)
    net.phases.update(decision.phases)
    net.samples.update(decision.samples)
    net.facts["probes"] = [f"{one.who}: {one.reason or 'good'}, {one.said}" for one in found]
    result = net.result(ProbeError(decision.reason, decision.message) if decision.reason else None)
    return replace(result, witnesses=decision.witnesses)


def _where(options: Options, count: int) -> dict[str, Any]:
    place = {"country": options.country, "city": options.city, "network": options.network, "tags": [*options.tags]}
    return {name: value for name, value in place.items() if value} | {"limit": count}


async def _measure(api: _Api, asked: Mapping[str, Any]) -> Sequence[Any]:
    """The results of a new measurement, when all have answered or the time is over."""
    number = await api.create(asked)
    ends, pause, tag = api.now() + asked["timeout"] + ANSWERS_WITHIN, POLL_AFTER, ""
    found: Mapping[str, Any] = {}
    while True:
        await asyncio.sleep(pause)
        reply = await api.look(number, tag)
        if reply.status == 200:
            found, tag = _document(reply), reply.headers.get("etag", "")
        elif reply.status not in (304, 429) and reply.status < 500:
            raise ProbeError(Reason.VANTAGE, f"Globalping does not show its measurement: {_complaint(reply)}")
        results = found.get("results")
        if isinstance(results, list) and (found.get("status") != "in-progress" or api.now() >= ends):
            return results
        if api.now() >= ends:
            raise ProbeError(Reason.VANTAGE, "what Globalping answers is no measurement")
        pause = min(pause * _POLL_SLOWER, _POLL_AT_MOST)


class _Api:
    """Globalping as one attempt meets it."""

    def __init__(self, net: Attempt) -> None:
        self._net = net
        self._quota: Quota = net.quota
        self._ledger = Ledger(Path(net.quota.ledger), net.quota.tests_per_hour) if net.quota.ledger else None
        token = Secret(net.quota.token) if net.quota.token else None
        self._spent: tuple[float, int] | None = None
        self._client = ClientConfig(bearer_token=token, bearer_token_file=net.quota.token_file)

    def now(self) -> float:
        return self._net.clock.monotonic()

    def spend(self, tests: int) -> None:
        """Count them before they are asked for: whether a request arrived that has no answer, nobody knows.

        Only what found no connection was surely not asked for (`_unspend`): a line that is cut takes no quota with it.
        """
        if self._ledger is None:
            return
        try:
            self._spent = (self._net.clock.time(), tests)
            again = self._ledger.spend(*self._spent)
        except OSError as error:
            said = f"what Globalping is asked cannot be counted: {error.strerror}: {self._quota.ledger}"
            raise ProbeError(Reason.VANTAGE, said) from error
        if again:
            until = datetime.fromtimestamp(again, UTC)
            said = f"the hour's {self._quota.tests_per_hour} tests of Globalping are spent until {until:%H:%M} UTC"
            raise ProbeError(Reason.VANTAGE, said)

    async def create(self, asked: Mapping[str, Any]) -> str:
        """The id of a new measurement."""
        body = json.dumps(asked).encode()
        reply = await self._exchange("POST", "/v1/measurements", {"Content-Type": "application/json"}, body)
        self._heed(reply)
        if reply.status not in (200, 202):
            raise ProbeError(Reason.VANTAGE, f"Globalping refuses: {_complaint(reply)}")
        number = _document(reply).get("id")
        if not isinstance(number, str) or not number.isalnum():
            raise ProbeError(Reason.VANTAGE, "what Globalping answers is no measurement")
        self._net.facts["measurement"] = f"https://globalping.io/?measurement={number}"
        return number

    async def look(self, number: str, tag: str) -> Reply:
        """How the measurement stands; status 304 when it is as it was with `tag`."""
        return await self._exchange("GET", f"/v1/measurements/{number}", {"If-None-Match": tag} if tag else {})

    async def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        url = self._quota.url.rstrip("/") + path
        try:
            return await exchange(self._net.aside(), method, url, self._client, headers, body)
        except ProbeError as error:
            self._net.facts["globalping"] = str(error)
            if method == "POST" and error.reason in (Reason.RESOLVE, Reason.CONNECT):
                self._unspend()
            raise ProbeError(Reason.VANTAGE, f"Globalping cannot be asked: {unasked(error)}") from error

    def _unspend(self) -> None:
        if self._ledger is not None and self._spent is not None:
            with suppress(OSError):
                self._ledger.give_back(self._net.clock.time(), *self._spent)

    def _heed(self, reply: Reply) -> None:
        """Let the ledger know what Globalping says is left."""
        left, seconds = reply.headers.get("x-ratelimit-remaining"), reply.headers.get("x-ratelimit-reset")
        if reply.status == 429:
            left, seconds = "0", seconds or reply.headers.get("retry-after") or str(HOUR)
        with suppress(ValueError, OSError):
            if self._ledger is not None and left is not None and seconds is not None:
                self._ledger.told(self._net.clock.time(), int(left), float(seconds))


def _document(reply: Reply) -> Mapping[str, Any]:
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found = None
    if not reply.whole or not isinstance(found, dict):
        raise ProbeError(Reason.VANTAGE, "what Globalping answers is no measurement")
    return found


def _complaint(reply: Reply) -> str:
    """Its own words where it has some."""
    with suppress(ProbeError):
        error = _document(reply).get("error")
        if isinstance(error, dict) and error.get("message"):
            return f"{' '.join(str(error['message']).split())[:200]} (status {reply.status})"
    return f"status {reply.status}"
