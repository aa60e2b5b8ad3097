"""DNS: codes, types, transports, and every rule on every section."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from tests.blackbox.cell import LONG, SHORT, Cell, Module, crossed, module
from tests.blackbox.targets import Targets
from tests.blackbox.zone import BAD, TYPES, ZONE

RULES = (
    "fail_if_matches_regexp",
    "fail_if_all_match_regexp",
    "fail_if_not_matches_regexp",
    "fail_if_none_matches_regexp",
)
SECTIONS = ("answer", "authority", "additional")
PATTERNS = {
    "some": ["192.0.2.1$"],
    "all": ["192.0.2"],
    "none": ["never"],
    "some and none": ["192.0.2.1$", "never"],
    "name server": ["NS"],
}
LINES = {
    "text.example": ('^text.example.\\t60\\tIN\\tTXT\\t"v=spf1 -all" "second part"$', 'quo\\\\"te; semi"$',
                     '"\\\\195\\\\188 \\\\001"$'),
    "mail.example": ("^mail.example.\\t60\\tIN\\tMX\\t10 mx1.example.$",),
    "example": ("^example.\\t60\\tIN\\tSOA\\tns.example. admin.example. 2026112401 3600 600 86400 60$",),
    "alias.example": ("^alias.example.\\t60\\tIN\\tCNAME\\ta.example.$",),
    "service.example": ("^service.example.\\t60\\tIN\\tSRV\\t0 5 5060 sip.example.$",),
    "caa.example": ('^caa.example.\\t60\\tIN\\tCAA\\t0 issue "ca.example"$',),
    "key.example": ("(?i)^key.example.\\t60\\tIN\\tDS\\t12345 8 2 (ab){32}$",),
    "a.example": ("^a.example.\\t300\\tIN\\tAAAA\\t2001:db8::1$",),
}  # fmt: skip
"""Records as their whole lines, the first type that is asked for."""
_SLOW = ("silent.example", "late.example", "another id.example")
VALID = ("NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "NOTIMP", "NOTAUTH")


def modules(targets: Targets) -> dict[str, Module]:
    return {**_questions(), **_rules(), **_transports(targets)}


def _ask(name: str, timeout: str = LONG, query_type: str = "A", **block: Any) -> Module:
    return module("dns", timeout, query_name=name, query_type=query_type, **block)


def _questions() -> dict[str, Module]:
    found = {f"dns {name}": _ask(name, SHORT if name in _SLOW else LONG) for name in ZONE}
    for name, kinds in TYPES.items():
        found |= {f"dns {name} {kind}": _ask(name, query_type=kind) for kind in kinds}
    found["dns default type"] = module("dns", LONG, query_name="a.example")
    found["dns final dot"] = _ask("a.example.")
    found["dns in capitals"] = _ask("A.Example")
    found["dns class CH"] = _ask("a.example", query_class="CH")
    found["dns not recursive"] = _ask("a.example", recursion_desired=False)
    for code, name in product(VALID, ("one", "none", "failing", "refused", "notimp", "notauth")):
        found[f"dns {code} {name}"] = _ask(f"{name}.example", valid_rcodes=[code])
    found["dns two codes"] = _ask("none.example", valid_rcodes=["NOERROR", "NXDOMAIN"])
    found["dns short"] = _ask("one.example", SHORT)
    found["dns short SOA"] = _ask("example", SHORT, query_type="SOA")
    return found


def _rules() -> dict[str, Module]:
    found = {}
    for section, rule, (label, patterns) in product(SECTIONS, RULES, PATTERNS.items()):
        block = {f"validate_{section}_rrs": {rule: patterns}}
        found[f"dns {section} {rule} {label}"] = _ask("a.example", **block)
        found[f"dns mail {section} {rule} {label}"] = _ask("mail.example", query_type="MX", **block)
        found[f"dns empty {section} {rule} {label}"] = _ask("empty.example", **block)
    for name, lines in LINES.items():
        kind = "AAAA" if name == "a.example" else TYPES[name][0]
        for number, line in enumerate(lines):
            rule = {"validate_answer_rrs": {"fail_if_none_matches_regexp": [line]}}
            found[f"dns {name} line {number}"] = _ask(name, query_type=kind, **rule)
    return found


def _transports(targets: Targets) -> dict[str, Module]:
    stream = {"transport_protocol": "tcp"}
    ours = {"ca_file": str(targets.authority.file)}
    found = {f"dns tcp {name}": _ask(name, SHORT if name in _SLOW else LONG, **stream) for name in ZONE}
    for label, config in {"tls": ours, "tls insecure": {"insecure_skip_verify": True}, "tls system's CAs": {},
                          "tls at most 1.2": {**ours, "max_version": "TLS12"}}.items():  # fmt: skip
        found[f"dns {label}"] = _ask("a.example", **stream, dns_over_tls=True, tls_config=config)
    found["dns tls short"] = _ask("a.example", SHORT, **stream, dns_over_tls=True, tls_config=ours)
    found["dns tcp short"] = _ask("a.example", SHORT, **stream)
    found["dns from 127.0.0.9"] = _ask("a.example", source_ip_address="127.0.0.9")
    found["dns tcp from 127.0.0.9"] = _ask("a.example", **stream, source_ip_address="127.0.0.9")
    found["dns ip6 alone"] = _ask("a.example", preferred_ip_protocol="ip6", ip_protocol_fallback=False)
    return found


def cells(targets: Targets) -> Iterator[Cell]:
    """Every question to the server that knows, and some to those that do not."""
    at = targets.at
    server = {"dns": at["dns"]}
    yield from crossed("DNS questions", _questions(), server)
    yield from crossed("DNS rules", _rules(), server)
    of_tls = [name for name in _transports(targets) if name.startswith("dns tls")]
    yield from crossed("DNS transports", [n for n in _transports(targets) if n not in of_tls], server)
    tls = {name: address for name, address in at.items() if name.startswith(("dns tls ", "tls resets"))}
    yield from crossed("DNS transports", of_tls, tls)
    yield from crossed("DNS transports", ("dns tls short",), {"dns": at["dns"]})
    by_name = {"dns by name": f"localhost:{at['dns'].partition(':')[2]}"}
    yield from crossed("DNS transports", ("dns one.example", "dns tcp one.example", "dns ip6 alone"), by_name)
    refused = {"refused": at["refuses"], "refused by ip6": "[::1]:1"}
    yield from crossed("DNS transports", ("dns short", "dns tcp short", "dns tls short", "dns short SOA"), refused)
    nobody = {"silence": at["says silence"], "garbage": at["garbage"], "ends": at["says nothing"],
              "swallowed": at["swallows"], "no such name": "none.invalid"}  # fmt: skip
    yield from crossed("DNS transports", ("dns tcp short", "dns tls short"), nobody)
    bad = {name: at[f"dns bad {name}"] for name in BAD}
    yield from crossed("DNS servers that err", ("dns short", "dns short SOA"), bad)
