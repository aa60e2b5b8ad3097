"""TikTok in a box: every host of the shipped configuration on a loopback address of its own.

    async with Box() as box:
        box.write_config(folder)                       # merge it with the shipped file
        box.break_(feature="feed", mode="status 503")  # seen from everywhere
        box.break_(host="open-upload.tiktokapis.com", mode="silence", region="eu-west")
        box.break_(service="youtube_shorts")           # an alternative; TikTok alone breaks unless another is named
        box.publish("oracle")                          # an incident is open; or: "calm", "silent", "wrong"
        box.publish("ooni", country="BR")              # the country is blocked
        box.globalping.say("silent")                   # or: "spent", "failing", "garbage", "fine"
        box.mend()

The hosts are read from the configuration itself and answered by a real DNS server and behind real TLS, so that the
configuration runs unchanged. A region is known by the address its connections come from and the nameserver it asks:
local probes are `here`, `add_region` gives a proxy a pair of its own; strangers are in the region that a configuration
gives to their country, and find what is broken there. Globalping is off unless `write_config` is told. Those who
publish what signals read are in the box too, at their own hosts, and so is what a visitor's browser may ask; all is
calm until `publish`. Ports 53, 80 and 443 need root.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import yaml

import exporter
from tests.servers.certificates import Authority
from tests.servers.dns import NXDOMAIN, Answer, DNSServer, addresses
from tests.servers.faults import CONTROLS, HTTP_MODES, Fault, Mode, read_asked, read_endpoints, select
from tests.servers.globalping import HOST, Found, Globalping
from tests.servers.publishers import Mood, Publishers
from tests.servers.sites import Seen, Site, Sites, shape_of
from tests.servers.strangers import find, read_countries

SHIPPED = Path(exporter.__file__).parent / "services" / "tiktok.yaml"
HERE = "here"


class Proxy(Protocol):
    """A region with a URL, as `proxies` starts them."""

    @property
    def region(self) -> str: ...

    @property
    def url(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Vantage:
    """A region as the box tells it: connections come from `source`, names are asked of `nameserver`, port 53."""

    region: str
    source: str
    nameserver: str
    zone: dict[str, Answer]


class Box:
    """`files` are the configurations whose hosts are served: the shipped one unless told.

    Several boxes may stand on one machine: each takes the first free network of 127.20.0.0/16 to 127.29.0.0/16.
    """

    def __init__(self, *files: Path) -> None:
        self.endpoints = tuple(endpoint for file in files or (SHIPPED,) for endpoint in read_endpoints(file))
        self.asked_by_browsers = {host for file in files or (SHIPPED,) for host in read_asked(file)}
        self.publishers = Publishers(files or (SHIPPED,))
        self.globalping = Globalping(self._find)
        self._countries = {
            country: name for file in files or (SHIPPED,) for country, name in read_countries(file).items()
        }
        self.sites: dict[str, Site] = {}
        self._vantages: dict[str, Vantage] = {}
        self._faults: list[Fault] = []
        self._stack = AsyncExitStack()
        self._network = 0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="box-")))
            self._stack = stack
            self.authority = Authority(self.folder)
            self._served = Sites(self.fault, self._region_of, self.publishers, self.globalping)
            stack.push_async_callback(self._served.aclose)
            await self._claim_network()
            probed = {endpoint.host for endpoint in self.endpoints}
            for host in sorted(probed | self.publishers.hosts | self.asked_by_browsers | {HOST}):
                self._add_site(host)
            self._apply()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.globalping.say("fine")  # whoever still waits for it is let go
        await self._stack.aclose()

    def break_(
        self,
        *,
        host: str | None = None,
        feature: str | None = None,
        service: str | None = None,
        region: str | None = None,
        mode: Mode | str = Mode.REFUSE,
        delay: float = 2.0,
    ) -> None:
        """Break a host, a feature (`controls` too), a service or, with none, the first service; the last call wins.

        A mode that needs a request touches only the paths of that feature; any other touches its whole hosts.
        `delay` is seconds, for `slow`. ValueError when nothing fits.
        """
        if not (host or feature or service):
            service = self.services[0]
        fault = Fault(Mode(mode), select(self.endpoints, host, feature, service), region, delay)
        if fault.mode in HTTP_MODES and all(endpoint.path is None for endpoint in fault.endpoints):
            raise ValueError(
                f"{host or feature or service} is never sent a request, so it cannot answer {fault.mode!r}"
            )
        if region not in (None, *self._vantages, *self._countries.values()):
            raise ValueError(f"the box knows no region {region!r}; add_region comes first")
        self._faults.insert(0, fault)
        self._apply()

    def mend(
        self,
        *,
        host: str | None = None,
        feature: str | None = None,
        service: str | None = None,
        region: str | None = None,
    ) -> None:
        """Take back what was broken of that host, feature, service or region; without any, everything.

        Without a host, feature, service and region those who publish are calm again as well, and Globalping is well.
        """
        everything = not (host or feature or service)
        if everything and region is None:
            for publisher in self.publishers.by_signal.values():
                publisher.say(Mood.CALM)
            self.globalping.say("fine")
        chosen = frozenset(self.endpoints) if everything else select(self.endpoints, host, feature, service)
        mended = [
            replace(fault, endpoints=fault.endpoints - chosen) if region in (None, fault.region) else fault
            for fault in self._faults
        ]
        self._faults = [fault for fault in mended if fault.endpoints]
        self._apply()

    def publish(self, signal: str, mood: Mood | str = Mood.TROUBLE, *, country: str = "IN") -> None:
        """Let the page, feed, API or stream that `signal` reads say so; ValueError when the box has none of that name.

        `country` is the one that is blocked or cut off, where the signal is about that.
        """
        self.publishers.get(signal).say(Mood(mood), country)

    async def add_region(self, name: str) -> Vantage:
        """A region of its own, for a proxy: bind outgoing connections to `source`, resolve at `nameserver`."""
        number = len(self._vantages) + 1
        source = "127.0.0.1" if name == HERE else f"127.{self._network + 10}.0.{number}"
        vantage = Vantage(name, source, f"127.{self._network}.0.{number}", {})
        await self._stack.enter_async_context(DNSServer(vantage.zone, vantage.nameserver, 53))
        self._vantages[name] = vantage
        self._apply()
        return vantage

    @property
    def services(self) -> tuple[str, ...]:
        """Their names, in the order of the configuration, without the controls."""
        return tuple(dict.fromkeys(e.service for e in self.endpoints if e.service != CONTROLS))

    @property
    def requests(self) -> list[Seen]:
        """Every HTTP request so far."""
        return self._served.requests

    @property
    def network_yaml(self) -> str:
        """The `network:` block that points an exporter at this box."""
        nameserver = f"{self._vantages[HERE].nameserver}:53"
        return yaml.safe_dump({"network": {"nameservers": [nameserver], "ca_file": str(self.authority.file)}})

    def write_config(self, folder: Path, proxies: Iterable[Proxy] = (), globalping: bool = False) -> Path:
        """A file to merge with the shipped one: the network, and a region for each proxy."""
        regions = {proxy.region: {"kind": "proxy", "url": proxy.url} for proxy in proxies}
        text = yaml.safe_dump({"regions": regions}) if regions else ""
        text += "" if globalping else "globalping: off\n"
        file = folder / "box.yaml"
        file.write_text(self.network_yaml + text, encoding="utf-8")
        return file

    def fault(self, host: str, region: str, path: str | None = None) -> Fault | None:
        """What is broken there now."""
        return next((fault for fault in self._faults if fault.touches(host, region, path)), None)

    async def _claim_network(self) -> None:
        for self._network in range(20, 30):
            try:
                await self.add_region(HERE)
            except PermissionError as error:
                raise PermissionError(error.errno, "the box serves ports 53, 80 and 443, which needs root") from error
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return
        raise OSError(errno.EADDRINUSE, "ten boxes already stand on this machine (127.20.0.0/16 to 127.29.0.0/16)")

    def _add_site(self, host: str) -> None:
        number = len(self.sites)
        site = Site(
            host,
            f"127.{self._network}.{1 + number // 250}.{1 + number % 250}",
            any(endpoint.host == host and endpoint.path for endpoint in self.endpoints),
            self.authority.leaf(host).server_context(),
            self.authority.expired(host).server_context(),
        )
        self._served.add(site)
        self.sites[host] = site

    def _find(self, asked: Mapping[str, Any], country: str) -> Found | None:
        """What the next stranger of that country finds; None where there are none."""
        region, options = self._countries.get(country), asked["measurementOptions"]
        site = self.sites.get(asked["target"])
        if region is None or site is None:
            return None
        path = options["request"]["path"]
        self.requests.append(Seen(region, site.host, path, "globalping"))
        fault = self.fault(site.host, region, path)
        return find(shape_of(site, path, fault), options["protocol"] != "HTTP", fault)

    def _region_of(self, source: str) -> str | None:
        return next((each.region for each in self._vantages.values() if each.source == source), None)

    def _apply(self) -> None:
        """Bring what only the kernel or the DNS can say into line with the faults."""
        for host, site in self.sites.items():
            everywhere = next((fault for fault in self._faults if fault.touches(host, None)), None)
            refused = everywhere is not None and everywhere.mode is Mode.REFUSE
            for listener in site.listeners:
                listener.close() if refused else listener.open()
            for vantage in self._vantages.values():
                fault = self.fault(host, vantage.region)
                gone = fault is not None and fault.mode is Mode.NXDOMAIN
                vantage.zone[host] = NXDOMAIN if gone else addresses(site.address)
