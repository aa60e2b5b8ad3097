"""TCP dialogues and ICMP echoes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.blackbox.cell import LONG, PATIENT, SHORT, Cell, Module, crossed, module
from tests.blackbox.raw import DIALOGUES
from tests.blackbox.targets import Targets

_BANNER = {"expect": "^220 ([^ ]+) ESMTP (.+)$"}
DIALOGUE: dict[str, list[dict[str, Any]]] = {
    "no step": [],
    "banner": [_BANNER],
    "banner and answer": [{**_BANNER, "send": "EHLO ${1}x $2 $3 $$ $1x"}],
    "ready": [{"expect": "ready"}],
    "two lines": [{"expect": "^220-"}, {"expect": "^220 ready$"}],
    "login": [{"expect": "login: $"}],
    "bytes": [{"expect": "\\x00"}],
    "any": [{"expect": ""}],
    "letters": [{"expect": "gr..?e"}],
    "asks first": [{"send": "hello"}, {"expect": "^hello$"}],
    "asks twice": [{"send": "one"}, {"expect": "^(o)ne$", "send": "two $1"}, {"expect": "^two o$"}],
    "send alone": [{"send": "hello"}],
    "never": [{"expect": "never"}],
}
ICMP: dict[str, dict[str, Any]] = {
    "icmp": {},
    "icmp ip4": {"preferred_ip_protocol": "ip4"},
    "icmp ip4 alone": {"preferred_ip_protocol": "ip4", "ip_protocol_fallback": False},
    "icmp ip6 alone": {"preferred_ip_protocol": "ip6", "ip_protocol_fallback": False},
    "icmp one byte": {"payload_size": 1},
    "icmp large": {"payload_size": 9000},
    "icmp largest": {"payload_size": 65000},
    "icmp dont_fragment": {"dont_fragment": True},
    "icmp large, dont_fragment": {"payload_size": 9000, "dont_fragment": True},
    "icmp ttl 1": {"ttl": 1},
    "icmp ttl 3": {"ttl": 3},
    "icmp ttl 255": {"ttl": 255},
    "icmp from 127.0.0.9": {"source_ip_address": "127.0.0.9", "preferred_ip_protocol": "ip4"},
    "icmp from elsewhere": {"source_ip_address": "198.51.100.1", "preferred_ip_protocol": "ip4"},
}


def modules(targets: Targets) -> dict[str, Module]:
    tls = {"ca_file": str(targets.authority.file)}
    mail = [
        {"expect": "^220 ([^ ]+) ESMTP$", "send": "EHLO prober"},
        {"expect": "^250 STARTTLS", "send": "STARTTLS"},
        {"expect": "^220", "starttls": True},
        {"send": "EHLO prober"},
        {"expect": "^250 STARTTLS", "send": "QUIT"},
    ]
    go = [{"send": "go"}, {"expect": "^ready"}, {"starttls": True}, {"expect": "^220 protected"}]
    found: dict[str, Module] = {
        f"tcp {name}": module("tcp", SHORT, query_response=steps) for name, steps in DIALOGUE.items()
    }
    found |= {
        "tcp starttls": module("tcp", PATIENT, query_response=mail, tls_config=tls),
        "tcp starttls, insecure": module(
            "tcp", PATIENT, query_response=mail, tls_config={"insecure_skip_verify": True}
        ),
        "tcp starttls, system's CAs": module("tcp", PATIENT, query_response=mail),
        "tcp starttls, no banner": module("tcp", PATIENT, query_response=go, tls_config=tls),
        "tcp by ip4": module("tcp", LONG, preferred_ip_protocol="ip4"),
        "tcp by ip6 alone": module("tcp", LONG, preferred_ip_protocol="ip6", ip_protocol_fallback=False),
        "tcp from 127.0.0.9": module("tcp", LONG, source_ip_address="127.0.0.9", preferred_ip_protocol="ip4"),
        "tcp from elsewhere": module("tcp", LONG, source_ip_address="198.51.100.1", preferred_ip_protocol="ip4"),
    }
    return found | {name: module("icmp", SHORT, **block) for name, block in ICMP.items()}


def cells(targets: Targets) -> Iterator[Cell]:
    at = targets.at
    talkers = {name: at[f"says {name}"] for name in DIALOGUES}
    talkers |= {"closes at once": at["raw closes at once"], "resets": at["raw resets at once"]}
    yield from crossed("TCP dialogues", tuple(f"tcp {name}" for name in DIALOGUE), talkers)
    starting = tuple(name for name in modules(targets) if name.startswith("tcp starttls"))
    places = {name: at[name] for name in ("smtp", "smtp, expired", "starts tls", "says banner and end")}
    yield from crossed("STARTTLS", starting, places)
    plain = ("tcp no step", "tcp by ip4", "tcp by ip6 alone", "tcp from 127.0.0.9", "tcp from elsewhere")
    reached = {
        "ip4": at["web"], "ip6": at["web by ip6"], "by name": at["web by name"], "refused": at["refuses"],
        "refused by ip6": "[::1]:1", "no port": "127.0.0.1", "no host": ":80", "a URL": "http://127.0.0.1/",
        "port too large": "127.0.0.1:99999", "port in letters": "127.0.0.1:http", "no brackets": "::1:80",
    }  # fmt: skip
    yield from crossed("TCP connections", plain, reached)
    yield from crossed("TCP connections", ("tcp no step",), {"swallowed": at["swallows"], "no name": "none.invalid:80"})
    hosts = {
        "127.0.0.1": "127.0.0.1", "127.0.0.2": "127.0.0.2", "::1": "::1", "localhost": "localhost",
        "in brackets": "[::1]", "with a port": "127.0.0.1:80", "a space": "a b",
    }  # fmt: skip
    yield from crossed("ICMP", ICMP, hosts)
