"""`/{service}/feed.atom`: incidents as an Atom feed (RFC 4287), newest first; what is still open grows in place.

Its links are relative, which needs no host to be known: it is right behind any proxy, and in an export. Entries are
named by what they are, not by where they are read, so that a reader knows them again wherever the feed moves.
Incidents are kept in English, and so is the feed.
"""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET

from aiohttp import web

from exporter import __version__, languages
from exporter.history import Incident
from exporter.languages import Language
from exporter.model import Service
from exporter.web.api import iso
from exporter.web.markup import clean
from exporter.web.shelf import answer
from exporter.web.site import SITE, Place, Site, reading, service_of
from exporter.web.words import Words

MOST = 50
"""Incidents in a feed."""

ATOM = "http://www.w3.org/2005/Atom"
_NAMES = uuid.UUID("4f0c2f53-6f0e-4c0e-9a7b-3f3b54f1a9a7")  # of this program's feeds and incidents, for good

routes = web.RouteTableDef()


@routes.get("/{service}/feed.atom")
async def feed(request: web.Request) -> web.Response:
    site, name = request.app[SITE], service_of(request).name
    place = Place(languages.of(languages.DEFAULT), root="../")
    headers = {"Access-Control-Allow-Origin": "*"}
    return answer(request, ("feed", name), lambda: atom(site, name, place), "application/atom+xml", headers)


def atom(site: Site, name: str, place: Place) -> str:
    """The feed of a service that is configured; `place` leads to the top from the service's folder."""
    with reading():
        incidents = site.history.incidents.incidents(name, MOST)
    service = site.store.config.service(name)
    updated = max((one.changed for one in incidents), default=site.store.since.get(name, 0.0))
    root = ET.Element("feed", {"xmlns": ATOM, "xml:lang": place.language.code})
    _add(root, "id", _named("feed", name))
    _add(root, "title", place.language.say("feed.title", title=service.title))
    _add(root, "updated", iso(updated))
    _add(root, "link", rel="self", type="application/atom+xml", href=place.file(f"{name}/feed.atom"))
    _add(root, "link", rel="alternate", type="text/html", href=place.page(name))
    _add(ET.SubElement(root, "author"), "name", "outage-exporter")
    _add(root, "generator", "outage-exporter", version=__version__)
    for incident in incidents:
        _add_entry(root, service, incident, place)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, "unicode")}\n'


def _add_entry(root: ET.Element, service: Service, incident: Incident, place: Place) -> None:
    entry = ET.SubElement(root, "entry")
    _add(entry, "id", _named("incident", incident.service, iso(incident.started)))
    _add(entry, "title", _title(service, incident, place.language))
    _add(entry, "published", iso(incident.started))
    _add(entry, "updated", iso(incident.changed))
    history = f"{place.page(f'{service.name}/history')}#{incident.service}-{incident.id}"
    _add(entry, "link", rel="alternate", type="text/html", href=history)
    _add(entry, "category", term=incident.worst, label=place.language.say(f"state.{incident.worst}"))
    _add(entry, "summary", " ".join((*incident.sentences, *(one.because for one in incident.causes[-1:]))))


def _title(service: Service, incident: Incident, language: Language) -> str:
    values = {"title": service.title, "state": language.say(f"state.{incident.worst}")}
    if incident.ended is None:
        return language.say("feed.is", **values)
    if incident.lasted is None:
        return language.say("feed.was_unseen", **values)
    return language.say("feed.was", **values, span=Words(language, incident.ended).span(incident.lasted))


def _add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> None:
    element = ET.SubElement(parent, name, {key: clean(value) for key, value in attributes.items()})
    element.text = clean(text) or None


def _named(*parts: str) -> str:
    return f"urn:uuid:{uuid.uuid5(_NAMES, '/'.join(parts))}"
