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
    "cause.upstream": "Störung beim Infrastrukturanbieter",
    "cause.attack suspected": "Angriff vermutet",
    "cause.blocked": "Sperre",
    "cause.own line": "Leitung dieser Seite",
    "cause.unknown": "unbekannt",
    "confidence.high": "hoch",
    "confidence.medium": "mittel",
    "confidence.low": "gering",
    "judged.cause": "Wahrscheinliche Ursache: {cause}. {because}",
    "judged.confidence": "Gewissheit: {confidence}. {because}",
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
    "said.blocked": "{feature}: weist unsere Messungen in {where} ab, was über andere nichts sagt{why}.",
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
    "blind.unasked": "kein Vergleichsziel lässt sich prüfen ({why})",
    "blind.dark": ("das einzige Vergleichsziel antwortet nicht", "keines der {n} Vergleichsziele antwortet"),
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
    "because.line.before": (
        "In unserer einzigen Region antwortet kein Vergleichsziel; zuvor hat eines geantwortet.",
        "In keiner unserer {n} Regionen antwortet ein Vergleichsziel; zuvor hat eines geantwortet.",
    ),
    "because.line.never": (
        "In unserer einzigen Region antwortet kein Vergleichsziel, und seit dem Start hat es keines getan.",
        "In keiner unserer {n} Regionen antwortet ein Vergleichsziel, und seit dem Start hat es keines getan.",
    ),
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
        "Falsche oder keine Antworten bei {wrong} von {all} fehlschlagenden Messungen ({regions}), "
        "meist {what}: {message}."
    ),
    "wrong.resolve": "keine Adresse",
    "wrong.connect": "abgelehnte Verbindungen",
    "wrong.tls": "fehlerhaftes TLS",
    "wrong.timeout": "keine Antwort trotz offener Verbindung",
    "wrong.status": "ein falscher Status",
    "wrong.body": "ein falscher Inhalt",
    "wrong.protocol": "ein verletztes Protokoll",
    "because.people": "Nur Nutzer melden es: Unsere Messungen zeigen keinen Grund.",
    "because.unknown": "Nichts, was vorliegt, nennt einen Grund.",
    "because.nothing": (
        "Nichts, was vorliegt, nennt einen Grund: keine Störung bei Infrastrukturanbietern, keine längeren "
        "Antwortzeiten, kein Muster in den Fehlern."
    ),
    # Why one can be so sure.
    "sure.officials": "Bestätigt durch offizielle Angaben ({officials}) und durch {others}.",
    "sure.probes": "Messungen aus {regions}",
    "sure.people": "Nutzer ({sources})",
    "sure.agree": "Messungen aus {regions} und Nutzer ({sources}) sagen unabhängig voneinander dasselbe.",
    "sure.probes.only": "Messungen aus {regions} zeigen es, sonst bisher niemand.",
    "sure.people.only": "Nur Nutzer ({sources}) melden es; unsere Messungen sehen es nicht.",
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
    "feed.title": "{title}: Störungen",
    "feed.is": "{title} ist {state}",
    "feed.was": "{title} war {state}, Dauer {span}",
    "feed.was_unseen": "{title} war {state}; niemand sah, wann es endete",
    # The pages: how times, durations and numbers are written.
    "percent": "{n} %",
    "date.day": "{day}. {month}",
    "date.year": "{day}. {month} {year}",
    "month.1": "Jan.",
    "month.2": "Feb.",
    "month.3": "März",
    "month.4": "Apr.",
    "month.5": "Mai",
    "month.6": "Juni",
    "month.7": "Juli",
    "month.8": "Aug.",
    "month.9": "Sept.",
    "month.10": "Okt.",
    "month.11": "Nov.",
    "month.12": "Dez.",
    "span.short": "weniger als eine Minute",
    "span.days": ("{n} Tag", "{n} Tage"),
    "lasted.up": "{span} in Ordnung",
    "lasted.degraded": "{span} eingeschränkt",
    "lasted.partial": "{span} teilweise ausgefallen",
    "lasted.down": "{span} ausgefallen",
    "lasted.unknown": "{span} nicht beobachtet",
    # The pages: what stands on all of them.
    "site.title": "Ist es down?",
    "site.description": "Was geht und was nicht, jetzt gemessen und begründet.",
    "site.skip": "Zur Antwort",
    "site.languages": "Sprachen",
    # Where no page is.
    "missing": "Diese Seite gibt es hier nicht",
    "missing.why": "Vielleicht ist die Adresse vertippt, oder der Dienst wird hier nicht beobachtet.",
    "missing.home": "Sehen, was hier beobachtet wird",
    # The first page.
    "home": "Ist es down?",
    "home.services": "Hier beobachtet",
    "home.nothing": "Hier wird nichts beobachtet.",
    "home.alternatives": "Wohin man inzwischen ausweicht",
    # A service's page.
    "page.glance": "Die Antwort",
    "page.description": "Ist {title} down, oder liegt es an der eigenen Leitung? Jede Minute gemessen und begründet.",
    "page.pending": "Die ersten Messungen laufen: Die Antwort kommt in ein bis zwei Minuten.",
    "page.since": "Seit",
    "page.last_outage": "Letzte Störung:",
    "page.features": "Betroffen",
    "page.more": "{n} weitere",
    "page.blocked_in": "Gesperrt in",
    "page.evidence": "Woher wir das wissen",
    "page.officials": "Was der Betreiber sagt",
    "page.source": "Quelle",
    "page.cause": "Wahrscheinliche Ursache",
    "page.confidence": "Gewissheit",
    "page.incident_open": "Störung offen seit",
    "page.alternatives": "Anderswo inzwischen",
    "page.alternatives_up": "Vom selben Programm gerade gemessen:",
    "page.alternatives_none": "Von keinem davon ist bekannt, dass es gerade geht:",
    "page.grid": "Nach Funktion und Region",
    "page.feature": "Funktion",
    "page.region": "Region",
    "page.not_probed": "nicht gemessen",
    "page.no_regions": "Von hier aus wird nichts gemessen.",
    "page.lately": "In letzter Zeit",
    "page.day": "Letzte 24 Stunden",
    "page.days": "Letzte {n} Tage",
    "page.charts": "Tempo und Meldungen",
    "page.pace": "Antwortzeit",
    "page.no_pace": "In den letzten 24 Stunden ist keine Messung geglückt.",
    "page.reports": "Meldungen",
    "page.no_history": "Der Verlauf ist gerade nicht lesbar.",
    "page.past": "Frühere Störungen",
    "page.no_outages": "Seit diese Seite beobachtet, gab es keine Störung.",
    "page.documented": "Von anderen dokumentiert",
    "page.all_past": "Alle früheren Störungen",
    "page.checked": "Zuletzt gemessen",
    "page.from_regions": ("aus {n} Region", "aus {n} Regionen"),
    "page.where": "Wo: in {n} von {all} Regionen",
    "page.fine": "In Ordnung",
    "page.silent": ("{n} Quelle schweigt", "{n} Quellen schweigen"),
    "page.cut": "Keine unserer Regionen erreicht das Internet: Unterbrochen ist die Leitung dieser Seite.",
    "page.now": "jetzt",
    "page.today": "heute",
    "page.pace_was": "in den letzten 15 Minuten ist keine Messung geglückt, sonst zwischen {least} und {most} "
    "in 24 Stunden. Balken: Anteil der gescheiterten.",
    "page.pace_is": "jetzt {newest}, zwischen {least} und {most} in 24 Stunden. Balken: Anteil der gescheiterten.",
    "page.reports_are": "höchstens {most} in einer Viertelstunde. Gestrichelt: was üblich ist, jetzt {usual}.",
    "page.reports_most": "höchstens {most} in einer Viertelstunde. Was üblich ist, ist noch nicht bekannt.",
    "page.hours": "Dasselbe Stunde für Stunde",
    "page.from": "Ab",
    "page.probes": "Messungen",
    "page.failed": "Gescheitert",
    "page.median": "Antwortzeit",
    "page.reported": "Meldungen",
    "strip.up": "läuft",
    "strip.degraded": "eingeschränkt",
    "strip.partial": "teilweise ausgefallen",
    "strip.down": "ausgefallen",
    "strip.unknown": "nicht beobachtet",
    "page.unchecked": "Noch nicht gemessen",
    "page.feed_of": "Störungen von {title}",
    # A service's page: what is the same of several features or regions.
    "many.down": "{feature}: ausgefallen in {votes} von {regions} ({where}){why}.",
    "many.degraded": "{feature}: eingeschränkt in {votes} von {regions} ({where}){why}.",
    "many.blocked": "{feature}: weisen unsere Messungen in {where} ab, was über andere nichts sagt{why}.",
    "many.unknown": "{feature}: nicht zu beurteilen in {where}{why}.",
    "many.blind": "Die Regionen {region} erreichen das Internet nicht: {why}.",
    "many.why": ", zum Beispiel{why}",
    # A service's page: what to do now.
    "advice": "Was jetzt hilft",
    "advice.support": "Hilfe von {title}",
    "advice.up.1": "Eine andere Seite oder App öffnen. Geht die auch nicht, liegt es an der eigenen Verbindung.",
    "advice.up.2": "Zwischen WLAN und Mobilfunk wechseln; VPN, Werbeblocker und privates DNS ausschalten.",
    "advice.up.3": "Die App schließen, neu öffnen und aktualisieren.",
    "advice.up.4": "Vor dem Neuinstallieren Entwürfe sichern: Viele verschwinden mit der App.",
    "advice.down.1": "Warten: Am Gerät liegt es nicht, und von hier aus ist es nicht zu beheben.",
    "advice.down.2": "Nicht abmelden, nicht neu installieren: Anmelden kann scheitern, Entwürfe gehen verloren.",
    "advice.down.3": "Was gepostet werden soll, in der Galerie sichern und posten, wenn {title} wieder geht.",
    "advice.down.4": "Niemandem das Passwort geben, der eine „Lösung“ verspricht: Störungen locken Betrüger an.",
    "advice.degraded.1": "Zuerst die eigene Leitung prüfen: eine andere Seite oder App öffnen.",
    "advice.degraded.2": "In ein paar Minuten nochmals versuchen: Was langsam ist, geht oft beim zweiten Mal.",
    "advice.degraded.3": "Entwürfe sichern, bevor Größeres versucht wird, etwa neu zu installieren.",
    "advice.degraded.4": "Melden, was nicht geht: So zeigt sich früher, wie weit es reicht.",
    "advice.unknown.1": "Eine andere Seite oder App öffnen. Geht die auch nicht, liegt es an der eigenen Verbindung.",
    "advice.unknown.2": "Zwischen WLAN und Mobilfunk wechseln; VPN und Werbeblocker ausschalten.",
    "advice.unknown.3": "Entwürfe sichern, bevor Größeres versucht wird, etwa neu zu installieren.",
    "advice.unknown.4": "In einer Minute wiederkommen: Sobald die Messungen es zeigen, steht es hier.",
    "advice.line.1": "Die Leitung dieser Seite ist unterbrochen: Den eigenen Browser nachsehen lassen.",
    "advice.line.2": "Eine andere Seite oder App öffnen. Geht die auch nicht, liegt es auch an der eigenen Verbindung.",
    "advice.line.3": "Entwürfe sichern, bevor Größeres versucht wird, etwa neu zu installieren.",
    "advice.line.4": "In einer Minute wiederkommen: Sobald diese Leitung wieder steht, steht hier die Antwort.",
    # A service's page: how to follow it.
    "follow": "Auf dem Laufenden bleiben",
    "follow.feed": "Feed der Störungen",
    "follow.json": "JSON",
    "follow.badge": "Badge für die eigene Seite",
    "follow.feed_for": "für jeden Feedreader: jede Störung, und wann sie vorbei ist.",
    "follow.json_for": "für Programme: Urteil, Zustände und Belege.",
    "follow.webhook_for": "aufs Telefon, in Chats, an Webhooks: Wer die Seite betreibt, bekommt sie von Alertmanager.",
    "follow.webhook": "Alarme",
    # Past outages.
    "past.title": "Störungen von {title}",
    "past.numbers": "Wie oft und wie lange",
    "past.seen": "Hier beobachtet",
    "past.available": "Ohne Ausfall in {n} Tagen",
    "past.watched": "{share} beobachtet",
    "past.unwatched": "unbekannt",
    "past.outages": "Störungen in {n} Tagen",
    "past.typical": "meist {typical}, höchstens {longest}",
    "past.open": "noch offen",
    "past.nothing": "keine, die vorbei ist",
    "past.undated": "Dauer unbekannt",
    "past.description": "Wann {title} Störungen hatte, wie lange, wo und warum.",
    "past.reopened": ("kam {n} Mal wieder", "kam {n} Mal wieder"),
    "past.regions": "Wo",
    "past.evidence": "Was wann festgestellt wurde",
    "past.documented": "Was andere berichten und diese Seite nicht sah. Es zählt oben nirgends mit.",
    "past.source": "Quelle",
    # A page that stays open.
    "live.old": "Seit mehr als fünf Minuten kommt nichts Neues: Was hier steht, stimmt vielleicht nicht mehr.",
    # Is it just me? What the visitor's own browser finds.
    "me": "Nur bei mir?",
    "me.about": (
        "Der eigene Browser ruft {title} und eine andere Seite auf, ohne Cookies. Was er findet, erfährt sonst niemand."
    ),
    "me.try": "Von hier aus prüfen",
    "me.trying": "{title} wird von hier aus geprüft ...",
    "me.reached-up": (
        "{title} antwortet auch hier. Hakt die App trotzdem: schließen, neu öffnen, auf die neueste Version bringen."
    ),
    "me.reached-trouble": "{title} antwortet hier, andere haben gerade Probleme: Manches kann auch hier ausfallen.",
    "me.reached-unknown": "{title} antwortet hier. Ob auch bei anderen, ist gerade nicht zu beurteilen.",
    "me.missed-up": (
        "{title} antwortet anderen, hier aber nicht, und die eigene Leitung funktioniert. Das Problem liegt also hier: "
        "ein Werbeblocker, ein VPN, ein DNS-Filter oder ein Netz oder Land, das die Seite sperrt."
    ),
    "me.missed-trouble": (
        "Es liegt nicht nur hier: Die eigene Leitung funktioniert, und auch andere haben Probleme mit {title}."
    ),
    "me.missed-unknown": (
        "{title} antwortet hier nicht, obwohl die eigene Leitung funktioniert. Ob anderen geantwortet wird, ist gerade "
        "nicht zu beurteilen; auch ein Werbeblocker, ein VPN oder ein DNS-Filter kann dahinterstecken."
    ),
    "me.line": (
        "Nichts antwortet: Es liegt an der eigenen Verbindung. Ein anderes Netz versuchen, VPN und Werbeblocker "
        "ausschalten."
    ),
    "me.report": "Problem melden",
    # The report of a problem, and what comes of it.
    "report": "Problem melden",
    "report.ask": "Was geht nicht? Ein Tippen genügt, ohne Konto; gezählt wird einmal pro Stunde.",
    "report.other": "Alles oder etwas anderes",
    "report.lost": "Die Meldung kam nicht an. Bitte gleich noch einmal versuchen.",
    "report.accepted": "Danke, die Meldung ist gezählt.",
    "report.repeated": "Danke. Gezählt wird einmal pro Stunde, und diese Meldung zählte schon.",
    "report.others": (
        "{what}: {n} Meldung in der letzten vollen Viertelstunde; üblich sind {usual}.",
        "{what}: {n} Meldungen in der letzten vollen Viertelstunde; üblich sind {usual}.",
    ),
    "report.others_so_far": (
        "{what}: {n} Meldung in dieser Viertelstunde bis jetzt; üblich sind {usual} in der ganzen.",
        "{what}: {n} Meldungen in dieser Viertelstunde bis jetzt; üblich sind {usual} in der ganzen.",
    ),
    "report.limited": (
        "Das war zu oft. Bitte in einer Sekunde noch einmal versuchen.",
        "Das war zu oft. Bitte in {n} Sekunden noch einmal versuchen.",
    ),
    "report.full": "Nicht gezählt: Es kommen mehr Meldungen, als gemerkt werden können. Bitte später noch einmal.",
    "report.unkept": "Nicht gezählt: Sie kann gerade nicht gespeichert werden. Bitte in einer Minute noch einmal.",
    "report.foreign": "Nicht gezählt: Die Meldung kam nicht von dieser Seite.",
    "report.large": "Nicht gezählt: Das ist länger, als eine Meldung sein kann.",
    "report.wrong": "Nicht gezählt: Diese Meldung ist nicht zu verstehen.",
    "report.off": "Hier werden keine Meldungen angenommen.",
}
