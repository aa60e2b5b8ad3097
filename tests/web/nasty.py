"""Everything that comes from outside, written by somebody who means harm, in one site that is down because of it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from exporter import kinds
from exporter.model import CONTROLS, Answer, Config, Endpoint, Feature, Pair, Reason, Region, Result, Service, Signal
from exporter.readings import PUSHED, Fault, Heard, Notice, Reading, Restriction, Tally
from tests.web.served import Served

MARK = "x-evil"
"""No output may hold an element of this name; all of them must hold the word."""

NAME = f"\"'><{MARK} onevil=1 style=a><img src=x onerror=window.evil=1>%s\\"
"""Breaks out of attributes, elements and templates; without slashes and braces, so that it can be a part of a path."""

EVIL = (
    f"{NAME}</title></textarea></script></style><script>window.evil=1</script>"
    f"{{{{7*7}}}}{{n}}--> ]]>&#60;\x00\x1b[2J\u2028\x85\r\n{MARK}"
)
"""And out of every element, comment and line."""

URLS = ("javascript:window.evil=1", " javascript:window.evil=1", "java\nscript:window.evil=1", "data:text/html,evil")


def configuration() -> Config:
    """A service whose titles and names are all evil, in a region that is called so."""
    tcp, local = kinds.module("probes", "tcp").Options(), kinds.module("regions", "local").Options()
    reports = kinds.module("signals", PUSHED).Options()
    here = Region(NAME, "local", local, country="DE")
    bad = Endpoint("tiktok", NAME, NAME, "tcp", EVIL, tcp, 60.0, 5.0)
    control = Endpoint(CONTROLS, "internet", "gstatic", "tcp", "127.0.0.1:1", tcp, 60.0, 5.0)
    other = Service("other", EVIL, (Feature("feed", True, ()),))
    tiktok = Service(
        "tiktok",
        EVIL,
        (Feature(NAME, True, (bad,)),),
        alternatives=("other",),
        upstreams=("oracle",),
        support="javascript:window.evil=1",
        browser_checks=("https://example.test/'\"><x-evil>",),
    )
    signals = (
        *(Signal(f"page{number}", "feed", None, 300.0, ("tiktok",), EVIL) for number in range(len(URLS))),
        Signal("oracle", "oracle", None, 300.0, (), EVIL),
        Signal("ooni", "ooni", None, 3600.0, (), EVIL),
        Signal("ioda", "ioda", None, 900.0, (), EVIL),
        Signal("people", PUSHED, reports, 10.0, ("tiktok",), EVIL),
    )
    return Config(
        services=(tiktok, other),
        controls=(control,),
        regions=(here,),
        pairs=(Pair(bad, here), Pair(control, here)),
        signals=signals,
        shown=f"services: {EVIL}\n",
        browser_controls=("https://example.test/",),
    )


def heard(now: float) -> dict[str, Heard]:
    """What the signals of the configuration say."""
    notices = [Notice(EVIL, url, "major", now - 60.0, (EVIL,), EVIL) for url in URLS]
    found = {
        f"page{number}": Heard(f"page{number}", "feed", Reading(now, notices=(one,)), now, fresh=True)
        for number, one in enumerate(notices)
    }
    found["oracle"] = Heard("oracle", "oracle", Reading(now, notices=tuple(notices)), now, fresh=True)
    shut = Restriction("DE", "blocked", EVIL, "tiktok")
    found["ooni"] = Heard("ooni", "ooni", Reading(now, restrictions=(shut,)), now, fresh=True)
    found["ioda"] = Heard("ioda", "ioda", failure=EVIL, failed_at=now, errors={Fault.FORMAT: 3})
    return found


def failed(started: float) -> Result:
    """A server that says nothing but evil."""
    facts = {EVIL: EVIL, "hops": [{EVIL: EVIL, "url": EVIL}]}
    samples = {"probe_ip_protocol": 4.0}
    return Result(False, Reason.STATUS, EVIL, started, 0.5, {"connect": 0.5}, samples, facts)


def served(folder: Path) -> Served:
    """A site in which it is down, has been before, and people report."""
    now = time.time()
    site = Served(folder, loaded=configuration(), now=lambda: now)
    store = site.running.store
    for back in (90.0, 60.0, 30.0, 1.0):
        store.record((CONTROLS, "gstatic", NAME), Result(True, None, "", now - back, 0.1, {"connect": 0.1}))
        store.record(("tiktok", NAME, NAME), failed(now - back))
    people = next(one for one in store.config.signals if one.kind == PUSHED)
    site.crowds.add(people, Reading(now, tuple(Tally("tiktok", name, now - 960.0, 90) for name in ("", NAME))))
    store.hear(heard(now), site.crowds.crowds())
    store.judge()
    verdict = store.verdicts["tiktok"]
    for started in (now - 90_000.0, now - 30.0):
        site.history.incidents.note(replace(verdict, since=started), started)
        if started < now - 3600.0:
            site.history.incidents.note(
                replace(store.verdicts["other"], service="tiktok", answer=Answer.UP), started + 600.0
            )
    site.site.own.configuration_refused([EVIL])
    return site
