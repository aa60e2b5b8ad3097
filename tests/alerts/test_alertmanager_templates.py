"""Every text that the shipped receivers send, rendered by amtool and compared with golden files byte for byte.

`python -m tests.alerts.test_alertmanager_templates` writes them anew; read the difference before you commit it.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alerts.notifications import NOTIFICATIONS
from tests.servers.pages import SHIPPED

GOLDEN = Path(__file__).with_name("golden")
LOCK_SCREEN = 110
"""Characters that a phone shows of a notification, about."""


def texts(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every templated string below `node`, with where it stands."""
    if isinstance(node, str):
        if "{{" in node:
            yield path, node
    elif node is not None and not isinstance(node, bool | int):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from texts(value, f"{path}.{key}".lstrip("."))


RECEIVERS = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["receivers"]
TEXTS = {f"{receiver['name']}.{path}": text for receiver in RECEIVERS for path, text in texts(receiver)}
TITLES = (
    "pager.pagerduty_configs.0.description",
    "chat.slack_configs.0.title",
    "email.email_configs.0.headers.Subject",
)
HTML = "email.email_configs.0.html"
CHAT = "chat.slack_configs.0.text"


def render(name: str, path: str) -> str:
    """The text at `path` of the shipped receivers for that notification."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as data:
        json.dump(NOTIFICATIONS[name], data)
        data.flush()
        done = subprocess.run(
            [
                "amtool", "template", "render", f"--template.glob={SHIPPED.parent / 'templates'}/*.tmpl",
                f"--template.data={data.name}", f"--template.text={TEXTS[path]}",
                f"--template.type={'html' if path == HTML else 'text'}",
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def render_all(name: str) -> str:
    return "".join(f"=== {path}\n{render(name, path)}\n" for path in TEXTS)


@pytest.mark.parametrize("name", NOTIFICATIONS)
def test_every_text_reads_as_its_golden_file(name: str) -> None:
    assert render_all(name) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(NOTIFICATIONS)


@pytest.mark.parametrize("path", TITLES)
@pytest.mark.parametrize("name", [name for name in NOTIFICATIONS if name != "hostile"])
def test_a_title_fits_a_lock_screen(name: str, path: str) -> None:
    title = render(name, path)
    assert "\n" not in title
    assert re.match(r"\[(PAGE|WARN|INFO|ALERT|RESOLVED)\] \S", title)
    # A list that is longer ends with what matters least: the names beyond the first few.
    assert len(title) <= LOCK_SCREEN or " and 2 more." in title


def test_all_channels_have_the_same_title() -> None:
    assert len({render("three_features_are_down", path) for path in TITLES}) == 1


def test_slack_takes_no_orders_from_an_alert() -> None:
    said = render("hostile", CHAT) + render("hostile", "chat.slack_configs.0.title")
    links = re.findall(r"<[^>]*>", said)
    assert links
    assert all(re.fullmatch(r"<https?://[^\s|>]+\|(Runbook|Dashboard|Silence)>", link) for link in links)


def test_html_holds_no_tag_from_an_alert() -> None:
    page = render("hostile", HTML)
    assert "script" not in re.findall(r"<(\w+)", page)
    assert "javascript:" not in page
    assert "evil.example/" not in page


def test_a_hostile_title_is_one_short_line() -> None:
    title = render("hostile", TITLES[0])
    assert len(title.splitlines()) == 1
    assert len(title) < 300


if __name__ == "__main__":
    for each in NOTIFICATIONS:
        (GOLDEN / f"{each}.txt").write_text(render_all(each), encoding="utf-8")
