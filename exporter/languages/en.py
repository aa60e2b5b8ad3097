"""English: what every other language translates. A text stands under one key; its fields are in braces."""

from __future__ import annotations

from collections.abc import Mapping

NAME = "English"
DECIMAL = "."


def plural(n: float) -> int:
    return 0 if n == 1 else 1


TEXTS: Mapping[str, str | tuple[str, ...]] = {
    # Parts of sentences.
    "and": "{first} and {last}",
    "regions": ("{n} region", "{n} regions"),
    # The verdict in a word, and the page's title.
    "question": "Is {title} down?",
    "answer.up": "No",
    "answer.degraded": "Partly",
    "answer.partial": "Partly",
    "answer.down": "Yes",
    "answer.unknown": "Can't tell",
    "question.answered": "{question} {answer}.",
    # Words for a feature's answer or state, for what probably stands behind an outage, and for how sure one can be.
    "state.up": "up",
    "state.degraded": "degraded",
    "state.partial": "partly down",
    "state.down": "down",
    "state.blocked": "blocked",
    "state.unknown": "unknown",
    "cause.technical": "technical",
    "cause.overload": "overload",
    "cause.upstream": "upstream",
    "cause.attack suspected": "attack suspected",
    "cause.blocked": "blocked",
    "cause.own line": "own line",
    "cause.unknown": "unknown",
    "confidence.high": "high",
    "confidence.medium": "medium",
    "confidence.low": "low",
    "judged.cause": "Likely cause: {cause}. {because}",
    "judged.confidence": "Confidence: {confidence}. {because}",
    # A verdict in one sentence.
    "headline.up": "{title} is up.",
    "headline.degraded": "{title} is up, but degraded.",
    "headline.partial": "{title} is partly down.",
    "headline.down": "{title} is down.",
    "headline.unknown": "We can't tell whether {title} is down.",
    "headline.up.blocked": "{title} is up, but blocked in {where}.",
    "headline.unknown.blocked": "{title} is blocked in {where}, and we can't tell whether it is down elsewhere.",
    "headline.people": "{title} is up by our probes, but its users report problems.",
    "headline.people.alone": "Our probes can't judge {title}, but its users report problems.",
    "headline.people.blocked": (
        "{title} is up by our probes outside {where}, where it is blocked, but its users report problems."
    ),
    # Its evidence.
    "said.pending": "The first probes are still under way.",
    "said.cut": "No region of ours sees the internet: the problem is on your end.",
    "said.down": "{feature} is down in {votes} of {regions} ({where}){why}.",
    "said.degraded": "{feature} is degraded in {votes} of {regions} ({where}){why}.",
    "said.blocked": "{feature} turns our probes away, which says nothing about others, in {where}{why}.",
    "said.unknown": "{feature} cannot be judged in {where}{why}.",
    "said.why": ": {complaint}",
    "said.slow": "{endpoint} takes more than {seconds:g} s",
    "said.fine": ("{features} is fine in {regions}.", "{features} are fine in {regions}."),
    "said.barred": (
        "{features} is blocked in {country} ({where}), {who}.",
        "{features} are blocked in {country} ({where}), {who}.",
    ),
    "said.walls": (
        "{feature} is judged without {walls}, which turns our probes away.",
        "{feature} is judged without {walls}, which turn our probes away.",
    ),
    "said.blind": "{region} is blind: {why}.",
    "said.quote": '{by} says: "{quote}"{link}.',
    "blind.pending": "its controls have not answered yet",
    "blind.dark": "none of its {n} controls answers",
    # Who says that a country blocks it, and what was found there.
    "barred.expected": "as the configuration expects",
    "barred.blocked": "says {by}: {why}",
    "barred.cut off": "which is cut off from the network, says {by}: {why}",
    "barred.measured": "{bad} of {judged} measurements in {days} days fail, {confirmed} of them confirmed blocks",
    "barred.sources": "{n} sources see an outage ({sources})",
    "barred.annotated": "an outage is annotated ({cause})",
    "barred.annotated.unknown": "of unknown cause",
    # What people say, beside what the probes say of the same.
    "people.report": "users report {what}{where}{slowly}{by}: {counted} in {minutes} minutes where {usual}{probes}.",
    "people.write": "people write of {what}{where}{slowly}{by}: {counted} in {minutes} minutes where {usual}{probes}.",
    "people.problems": "problems",
    "people.problems.of": "{feature} failures",
    "people.where": " in {countries}",
    "people.slowly": " a little more than usual, and have for a while",
    "people.by": ", says {signal}",
    "people.count": "{count}",
    "people.count.posts": "{count} of {all} posts",
    "people.count.reviews": "{count} of {all} reviews",
    "people.usual": ("{n:.3g} is usual", "{n:.3g} are usual"),
    "people.probes.fine": "; probes from {regions} are fine",
    "people.probes.unable": "; our probes cannot judge that",
    "people.probes.agree": "; so do our probes",
    # What says the cause.
    "because.line.before": "No control answers in any of {regions} of ours, and one has answered before.",
    "because.line.never": "No control answers in any of {regions} of ours, and none has since the start.",
    "because.barred": "{title} is blocked in {country}, {who}",
    "because.also": "{first}; {second}",
    "because.sentence": "{what}.",
    "because.incident": '{by} has an incident open{where}{since}: "{title}"{link}.',
    "because.incident.in": " in {location}",
    "because.incident.nowhere": ", it does not say where",
    "because.incident.since": " since {moment}",
    "because.attack": (
        "{cut} of {all} failing probes, in {regions}, are cut off or left without an answer while they connect, and no "
        "server has told of an error."
    ),
    "because.overload": (
        "Latency rose in {slower} of {all} failing probes: {endpoint} took {seconds:.2g} s or more in {region} where "
        "{usual:.2g} s are usual{status}."
    ),
    "because.overload.status": ", and status {status:.0f} came",
    "because.technical": "{wrong} of {all} failing probes ({regions}) get wrong answers, mostly {what}: {message}.",
    "wrong.resolve": "no address",
    "wrong.connect": "refused connections",
    "wrong.tls": "broken TLS",
    "wrong.timeout": "none over a connection that stands",
    "wrong.status": "a wrong status",
    "wrong.body": "a wrong body",
    "wrong.protocol": "a broken protocol",
    "because.people": "Only people report it: nothing that our probes see says why.",
    "because.unknown": "Nothing that was read says why.",
    "because.nothing": (
        "Nothing that was read says why: no incident upstream, no rise of latency, no pattern in the failures."
    ),
    # Why one can be so sure.
    "sure.officials": "Confirmed: officials say so ({officials}), and so do {others}.",
    "sure.probes": "probes from {regions}",
    "sure.people": "people ({sources})",
    "sure.agree": "Probes from {regions} and people ({sources}) agree, and are independent of each other.",
    "sure.probes.only": "Probes from {regions} say so; nobody else does yet.",
    "sure.people.only": "Only people ({sources}) say so; our probes do not see it.",
    "sure.up.calm": "Probes from {regions} are fine, and people report nothing unusual.",
    "sure.up": "Probes from {regions} are fine; what people report is not known.",
    "sure.unknown": "Too little is known to judge it.",
    "sure.line": "No control answers in {regions}: nothing beyond them can be judged.",
    # Signals that do not speak.
    "silent.since": "{signal} has been silent since {moment}{why}.",
    "silent.never": "{signal} has not spoken yet{why}.",
    # Features that many services have; any other keeps the name that the configuration gives it.
    "feature.feed": "Feed",
    "feature.video": "Videos",
    "feature.watch": "Videos",
    "feature.login": "Login",
    "feature.upload": "Uploads",
    "feature.live": "LIVE",
    "feature.api": "API",
    "feature.ads": "Ads",
    "feature.app": "App",
    "feature.web": "Website",
    # The feed of incidents; `state` is one of the words above.
    "feed.title": "{title}: outages",
    "feed.is": "{title} is {state}",
    "feed.was": "{title} was {state} for {span}",
}
