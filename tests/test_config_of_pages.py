"""What a configuration says for the pages alone, and which names it cannot give because pages have them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from exporter import config, languages, web
from exporter.config.addresses import PAGES
from exporter.history import History
from exporter.metrics import Own
from tests.configurations import Running
from tests.configurations import config as configured
from tests.test_config import COMPLETE, load, mistakes, written
from tests.web.served import Served


def test_what_a_page_tells_besides_is_read_and_may_be_left_out(tmp_path: Path) -> None:
    said = """    support: "https://support.example/"
    browser_checks: ["https://a.example/favicon.ico", "https://b.example:8443"]
signals:
  oracle: {kind: oracle, title: Oracle Cloud}
  aws: {kind: aws}
browser_controls: ["https://c.example/generate_204"]
"""
    loaded = load(tmp_path, COMPLETE + said)
    assert loaded.services[0].support == "https://support.example/"
    assert loaded.services[0].browser_checks == ("https://a.example/favicon.ico", "https://b.example:8443")
    assert loaded.browser_controls == ("https://c.example/generate_204",)
    assert [signal.title for signal in loaded.signals] == ["Oracle Cloud", ""]
    assert "browser_controls:\n- https://c.example/generate_204" in loaded.shown
    bare = load(tmp_path, "browser_controls:\n" + COMPLETE)
    assert (bare.services[0].support, bare.services[0].browser_checks, bare.browser_controls) == ("", (), ())


def test_a_list_that_two_files_have_names_both_places(tmp_path: Path) -> None:
    first = written(tmp_path, 'browser_controls: ["https://a.example/"]\n' + COMPLETE, "a.yaml")
    second = written(tmp_path, '\nbrowser_controls: ["https://b.example/"]\n', "b.yaml")
    assert mistakes(first, second) == ["b.yaml:2: browser_controls: defined twice; first at a.yaml:1"]
    empty = written(tmp_path, "browser_controls:\n", "c.yaml")
    assert config.load([first, empty], {}).browser_controls == ("https://a.example/",)


def fixed_parts(folder: Path) -> set[str]:
    """First parts of paths that are the same in every configuration."""
    running, history = Running(configured("home")), History(folder)
    site = web.Site(running.store, running.page, Own(), history, reload=_no_mistakes, ready=lambda: True)
    first = {resource.canonical.split("/")[1] for resource in web.application(site).router.resources()}
    history.close()
    return {part for part in first if part and "{" not in part}


async def _no_mistakes() -> list[str]:
    return []


def test_no_service_can_have_the_name_of_a_page(tmp_path: Path) -> None:
    found = fixed_parts(tmp_path)
    assert {"api", "config", "static", "-"} <= found
    for part in (found | set(languages.codes()) | PAGES) - {"-"}:
        path = written(tmp_path, COMPLETE.replace("  tiktok:", f"  {part}:"))
        assert mistakes(path) == [
            f"outage.yaml:7: services.{part}: this name is taken: /{part} is a page of this program"
        ]


def test_a_name_may_begin_as_a_page_does(tmp_path: Path) -> None:
    assert load(tmp_path, COMPLETE.replace("  tiktok:", "  status.example:")).services[0].name == "status.example"


async def test_a_service_called_as_what_its_page_has_below_it_has_its_page_in_every_language(tmp_path: Path) -> None:
    below = ("history", "events", "reports", "feed.atom", "badge.svg")
    first = configured("home").services[0]
    named = replace(configured("home"), services=tuple(replace(first, name=name) for name in below), pairs=())
    async with Served(tmp_path, loaded=named) as served:
        for path in (f"{language}/{name}" for language in ("", "/de") for name in below):
            status, text, _ = await served.get(path)
            assert (status, 'id="glance"' in text) == (200, True), path
