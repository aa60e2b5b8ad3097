"""What is asked of the page itself: modules that are not there, no target, timeouts, names, IP protocols, nonsense."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from tests.blackbox.cell import LONG, SHORT, Cell, Module, crossed, module
from tests.blackbox.targets import Targets

_TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"
_FINITE = ("5", "0.9", "0.5", "0.4", "0", "-1", "1e1", "+5", " 5", "five", "5s", "")
_INFINITE = ("nan", "inf")
PROTOCOLS: dict[str, dict[str, Any]] = {
    f"{kind} {family}{'' if fallback else ' alone'}": {
        "preferred_ip_protocol": family, "ip_protocol_fallback": fallback,
    }
    for kind in ("http", "tcp") for family in ("ip4", "ip6") for fallback in (True, False)
}  # fmt: skip


def modules(targets: Targets) -> dict[str, Module]:
    tls = {"ca_file": str(targets.authority.file)}
    named = {"headers": {"Host": "a.example"}}
    return {
        **{name: module(name.partition(" ")[0], LONG, **block) for name, block in PROTOCOLS.items()},
        "dns ip4": module("dns", SHORT, query_name="a.example", query_type="A", preferred_ip_protocol="ip4"),
        "hosted": module("http", LONG, **named, fail_if_body_not_matches_regexp=["^a.example "]),
        "hosted b": module("http", LONG, fail_if_body_not_matches_regexp=["^b.example "]),
        "hosted over TLS": module("http", LONG, tls_config=tls),
        "tcp over TLS": module("tcp", LONG, tls=True, tls_config=tls),
        "tcp over TLS, named": module("tcp", LONG, tls=True, tls_config={**tls, "server_name": "localhost"}),
        "no timeout": {"prober": "http"},
    }


def cells(targets: Targets) -> Iterator[Cell]:
    at = targets.at
    web = {"ip4": at["web"], "ip6": at["web by ip6"], "by name": at["web by name"]}
    of_http = tuple(name for name in PROTOCOLS if name.startswith("http"))
    yield from crossed("IP protocols", of_http, {name: f"http://{address}/ok" for name, address in web.items()})
    yield from crossed("IP protocols", of_http, {"no such name": "http://none.invalid/"})
    of_tcp = tuple(name for name in PROTOCOLS if name.startswith("tcp"))
    yield from crossed("IP protocols", of_tcp, web)
    yield from _queries(at)
    yield from _timeouts(at)
    yield from _hostnames(at)
    yield from crossed("nonsense targets", ("plain", "head", "tls, host"), dict(_nonsense(at)))


def _queries(at: dict[str, str]) -> Iterator[Cell]:
    ok = f"http://{at['web']}/ok"
    for place, query in {
        "no module": (("target", ok),),
        "empty module": (("module", ""), ("target", ok)),
        "unknown module": (("module", "nobody"), ("target", ok)),
        "no target": (("module", "plain"),),
        "empty target": (("module", "plain"), ("target", "")),
        "nothing": (),
        "unknown module, no target": (("module", "nobody"),),
        "two modules": (("module", "plain"), ("module", "nobody"), ("target", ok)),
        "two modules, the first unknown": (("module", "nobody"), ("module", "plain"), ("target", ok)),
        "two targets": (("module", "plain"), ("target", ok), ("target", f"http://{at['refuses']}/")),
        "more parameters": (("module", "plain"), ("target", ok), ("color", "red")),
        "debug=true": (("module", "plain"), ("target", ok), ("debug", "true")),
        "debug=true, failed": (("module", "not body"), ("target", f"http://{at['web']}/404"), ("debug", "true")),
        "debug=false": (("module", "plain"), ("target", ok), ("debug", "false")),
    }.items():
        yield Cell("parameters", "-", place, "", query, bare=True)


def _timeouts(at: dict[str, str]) -> Iterator[Cell]:
    ok, never = f"http://{at['web']}/ok", f"http://{at['web']}/never"
    for name, value in product(("plain", "http of 300 ms", "no timeout"), (*_FINITE, *_INFINITE)):
        yield Cell("scrape timeouts", name, "/ok", ok, headers={_TIMEOUT: value})
    for name, value in (("http of 300 ms", "0.7"), ("http of 300 ms", "0.4"), ("no timeout", "0.8")):
        yield Cell("scrape timeouts", name, "/never", never, headers={_TIMEOUT: value})


def _hostnames(at: dict[str, str]) -> Iterator[Cell]:
    places = {
        "/host": f"http://{at['web']}/host",
        "/elsewhere/host": f"http://{at['web']}/elsewhere/host",
        "https name alone": f"https://{at['tls name alone']}/",
        "https wrong name": f"https://{at['tls wrong name']}/",
    }
    for name in ("hosted", "hosted b", "hosted over TLS"):
        for hostname in ("a.example", "b.example", "localhost", "wrong-host.example", ""):
            for place, target in places.items():
                yield Cell("hostname", name, place, target, (("hostname", hostname),))
    for name in ("tcp over TLS", "tcp over TLS, named"):
        for hostname in ("localhost", "wrong-host.example", ""):
            for place in ("tls name alone", "tls wrong name"):
                yield Cell("hostname", name, place, at[place], (("hostname", hostname),))
    yield Cell("hostname", "icmp", "127.0.0.1", "127.0.0.1", (("hostname", "a.example"),))
    yield Cell("hostname", "dns one.example", "dns", at["dns"], (("hostname", "a.example"),))


def _nonsense(at: dict[str, str]) -> Iterator[tuple[str, str]]:
    web = at["web"]
    for target in (
        "http://", "https://", "http:///ok", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http://127.0.0.1:port/",
        "http://[::1/", "http://a b/", "http://%41/", "://", ":", "/", "?", "#", "http://127.0.0.1:0/", " ", "\t",
        "gopher", "none.invalid:1", "http://none.invalid", "http://-/", "http://a..b/", "http://" + "a" * 64 + "/",
        "http://[::ffff:127.0.0.1]:1/", "http://0.0.0.0:1/", "http://127.1:1/", "http://2130706433:1/",
        "file:///etc/passwd", "javascript:alert(1)", "data:text/plain,hello", "mailto:a@example.com",
        "http://127.0.0.1:1/\r\nX-A: b", "http://127.0.0.1:1/\x00", "💥", "http://bücher.invalid/",
    ):  # fmt: skip
        yield repr(target), target
    for path in (
        "/ok?", "/ok#there", "/ok?a=b&c=d", "/ok ", " /ok", "/%6fk", "/%zz", "//ok", "/./ok", "/a/../ok", "/ok;a=b",
        "/ok?\xfc", "/\xfc", "/ok?a b", "/ok%00", "/ok\\", "/{ok}", '/"ok"', "/ok|", "/ok^", "?a=b", "#there",
    ):  # fmt: skip
        yield f"web{path!r}", f"http://{web}{path}"
    yield "HTTP in capitals", f"HTTP://{web}/ok"
    yield "space first", f" http://{web}/ok"
    yield "no scheme", f"{web}/ok"
    yield "two slashes", f"//{web}/ok"
    yield "empty port", "http://127.0.0.1:/"
    yield "https without TLS", f"https://{web}/ok"
