"""Deutsch."""

from __future__ import annotations

from collections.abc import Mapping

NAME = "Deutsch"
DECIMAL = ","


def plural(n: float) -> int:
    return 0 if n == 1 else 1


TEXTS: Mapping[str, str | tuple[str, ...]] = {
    # Parts of sentences.
    "and": "{first} und {last}",
    "regions": ("{n} Region", "{n} Regionen"),
    # The verdict in a word, and the page's title.
    "question": "Ist {title} down?",
    "answer.up": "Nein",
    "answer.degraded": "Teilweise",
    "answer.partial": "Teilweise",
    "answer.down": "Ja",
    "answer.unknown": "Unklar",
    "question.answered": "{question} {answer}.",
    # Words for a feature's answer or state, for what probably stands behind an outage, and for how sure one can be.
    "state.up": "läuft",
    "state.degraded": "eingeschränkt",
    "state.partial": "teilweise ausgefallen",
    "state.down": "ausgefallen",
    "state.blocked": "gesperrt",
    "state.unknown": "unklar",
    "cause.technical": "technisch",
    "cause.overload": "Überlastung",
    "cause.upstream": "Störung bei einem Anbieter dahinter",
    "cause.attack suspected": "Angriff vermutet",
    "cause.blocked": "Sperre",
    "cause.own line": "eigene Leitung",
    "cause.unknown": "unbekannt",
    "confidence.high": "hoch",
    "confidence.medium": "mittel",
    "confidence.low": "gering",
    "judged.cause": "Wahrscheinliche Ursache: {cause}. {because}",
    "judged.confidence": "Sicherheit: {confidence}. {because}",
    # A verdict in one sentence.
    "headline.up": "{title} läuft.",
    "headline.degraded": "{title} läuft, aber eingeschränkt.",
    "headline.partial": "{title} ist teilweise ausgefallen.",
    "headline.down": "{title} ist ausgefallen.",
    "headline.unknown": "Ob {title} ausgefallen ist, lässt sich nicht sagen.",
    "headline.up.blocked": "{title} läuft, ist aber in {where} gesperrt.",
    "headline.unknown.blocked": (
        "{title} ist in {where} gesperrt; ob es anderswo ausgefallen ist, lässt sich nicht sagen."
    ),
    "headline.people": "{title} läuft nach unseren Messungen, aber Nutzer melden Probleme.",
    "headline.people.alone": "Unsere Messungen können {title} nicht beurteilen, aber Nutzer melden Probleme.",
    "headline.people.blocked": (
        "{title} läuft nach unseren Messungen außerhalb von {where} (dort gesperrt), aber Nutzer melden Probleme."
    ),
    # Its evidence. A colon after the feature's name, so that no verb has to agree with it.
    "said.pending": "Die ersten Messungen laufen noch.",
    "said.cut": "Keine unserer Regionen erreicht das Internet: Das Problem liegt an der eigenen Leitung.",
    "said.down": "{feature}: ausgefallen in {votes} von {regions} ({where}){why}.",
    "said.degraded": "{feature}: eingeschränkt in {votes} von {regions} ({where}){why}.",
    "said.blocked": "{feature}: weist unsere Messungen ab, was über andere nichts sagt, in {where}{why}.",
    "said.unknown": "{feature}: nicht zu beurteilen in {where}{why}.",
    "said.why": ": {complaint}",
    "said.slow": "{endpoint} braucht mehr als {seconds:g} s",
    "said.fine": ("{features}: in Ordnung in {regions}.", "{features}: in Ordnung in {regions}."),
    "said.barred": (
        "{features}: gesperrt in {country} ({where}), {who}.",
        "{features}: gesperrt in {country} ({where}), {who}.",
    ),
    "said.walls": (
        "{feature}: beurteilt ohne {walls}, wo unsere Messungen abgewiesen werden.",
        "{feature}: beurteilt ohne {walls}, wo unsere Messungen abgewiesen werden.",
    ),
    "said.blind": "Region {region} erreicht das Internet nicht: {why}.",
    "said.quote": "{by}: „{quote}“{link}.",
    "blind.pending": "die Vergleichsziele haben noch nicht geantwortet",
    "blind.dark": "keines der {n} Vergleichsziele antwortet",
    # Who says that a country blocks it, and what was found there.
    "barred.expected": "wie in der Konfiguration vermerkt",
    "barred.blocked": "laut {by}: {why}",
    "barred.cut off": "laut {by} vom Netz abgeschnitten: {why}",
    "barred.measured": (
        "{bad} von {judged} Messungen in {days} Tagen schlagen fehl, davon {confirmed} als Sperre bestätigt"
    ),
    "barred.sources": "{n} Quellen sehen einen Ausfall ({sources})",
    "barred.annotated": "ein Ausfall ist vermerkt ({cause})",
    "barred.annotated.unknown": "Ursache unbekannt",
    # What people say, beside what the probes say of the same.
    "people.report": "Nutzer melden {what}{where}{slowly}{by}: {counted} in {minutes} Minuten, {usual}{probes}.",
    "people.write": "Beiträge beklagen {what}{where}{slowly}{by}: {counted} in {minutes} Minuten, {usual}{probes}.",
    "people.problems": "Probleme",
    "people.problems.of": "Probleme mit {feature}",
    "people.where": " in {countries}",
    "people.slowly": ", etwas mehr als üblich und schon seit einer Weile",
    "people.by": ", laut {signal}",
    "people.count": "{count}",
    "people.count.posts": "{count} von {all} Beiträgen",
    "people.count.reviews": "{count} von {all} Rezensionen",
    "people.usual": ("üblich ist {n:.3g}", "üblich sind {n:.3g}"),
    "people.probes.fine": "; Messungen aus {regions} sind in Ordnung",
    "people.probes.unable": "; unsere Messungen können das nicht beurteilen",
    "people.probes.agree": "; unsere Messungen zeigen es auch",
    # What says the cause.
    "because.line.before": "In {regions} antwortet kein Vergleichsziel; zuvor hat eines geantwortet.",
    "because.line.never": "In {regions} antwortet kein Vergleichsziel, und seit dem Start hat es keines getan.",
    "because.barred": "{title} ist in {country} gesperrt, {who}",
    "because.also": "{first}; {second}",
    "because.sentence": "{what}.",
    "because.incident": "{by} meldet eine offene Störung{where}{since}: „{title}“{link}.",
    "because.incident.in": " in {location}",
    "because.incident.nowhere": " ohne Ortsangabe",
    "because.incident.since": " seit {moment}",
    "because.attack": (
        "{cut} von {all} fehlschlagenden Messungen, in {regions}, brechen beim Verbinden ab oder bleiben dabei ohne "
        "Antwort, und kein Server hat einen Fehler gemeldet."
    ),
    "because.overload": (
        "Die Antwortzeit stieg bei {slower} von {all} fehlschlagenden Messungen: {endpoint} brauchte in {region} "
        "mindestens {seconds:.2g} s, üblich sind {usual:.2g} s{status}."
    ),
    "because.overload.status": ", und Status {status:.0f} kam zurück",
    "because.technical": (
        "Falsche Antworten bei {wrong} von {all} fehlschlagenden Messungen ({regions}), meist {what}: {message}."
    ),
    "wrong.resolve": "keine Adresse",
    "wrong.connect": "abgelehnte Verbindungen",
    "wrong.tls": "fehlerhaftes TLS",
    "wrong.timeout": "gar keine trotz stehender Verbindung",
    "wrong.status": "ein falscher Status",
    "wrong.body": "ein falscher Inhalt",
    "wrong.protocol": "ein verletztes Protokoll",
    "because.people": "Nur Nutzer melden es: Unsere Messungen zeigen keinen Grund.",
    "because.unknown": "Nichts, was vorliegt, nennt einen Grund.",
    "because.nothing": (
        "Nichts, was vorliegt, nennt einen Grund: keine Störung bei einem Anbieter dahinter, keine längeren "
        "Antwortzeiten, kein Muster in den Fehlern."
    ),
    # Why one can be so sure.
    "sure.officials": "Bestätigt durch offizielle Angaben ({officials}) und durch {others}.",
    "sure.probes": "Messungen aus {regions}",
    "sure.people": "Nutzer ({sources})",
    "sure.agree": "Messungen aus {regions} und Nutzer ({sources}) sagen unabhängig voneinander dasselbe.",
    "sure.probes.only": "Messungen aus {regions} zeigen es, sonst bisher niemand.",
    "sure.people.only": "Nur Nutzer ({sources}) sagen es; unsere Messungen sehen es nicht.",
    "sure.up.calm": "Messungen aus {regions} sind in Ordnung, und Nutzer melden nichts Ungewöhnliches.",
    "sure.up": "Messungen aus {regions} sind in Ordnung; was Nutzer melden, ist nicht bekannt.",
    "sure.unknown": "Für ein Urteil ist zu wenig bekannt.",
    "sure.line": "In {regions} antwortet kein Vergleichsziel: Darüber hinaus lässt sich nichts beurteilen.",
    # Signals that do not speak.
    "silent.since": "{signal} schweigt seit {moment}{why}.",
    "silent.never": "{signal} hat noch nichts gesagt{why}.",
    # Features that many services have; any other keeps the name that the configuration gives it.
    "feature.feed": "Feed",
    "feature.video": "Videos",
    "feature.watch": "Videos",
    "feature.login": "Anmeldung",
    "feature.upload": "Uploads",
    "feature.live": "LIVE",
    "feature.api": "API",
    "feature.ads": "Anzeigen",
    "feature.app": "App",
    "feature.web": "Website",
    # The feed of incidents; `state` is one of the words above.
    "feed.title": "{title}: Ausfälle",
    "feed.is": "{title} ist {state}",
    "feed.was": "{title} war {state}, Dauer {span}",
}
