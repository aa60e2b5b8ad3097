"""Runbooks: each alert has one, and whatever a tired person is told to paste there works.

Queries are put to a real Prometheus that watches a real exporter and Alertmanager, silences to that Alertmanager.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from exporter import cli
from tests.servers.alertmanager import Alertmanager
from tests.servers.box import Box
from tests.servers.program import Exporter, hastened
from tests.stack.prometheus import RULES, Prometheus

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUNBOOKS = RULES.parent / "runbooks"
TEXTS = {file.stem: file.read_text(encoding="utf-8") for file in sorted(RUNBOOKS.glob("*.md"))}
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
LINES = range(25, 46)
"""What a tired person reads."""

LONGEST_SILENCE = 7 * 24
"""Hours. A silence is a promise to look again."""

_KEYWORDS = {"and", "or", "unless", "on", "ignoring", "by", "without", "group_left", "group_right", "bool", "offset"}


def rules() -> Iterator[dict[str, Any]]:
    """All that ship, recording and alerting."""
    for file in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}


def queries(text: str) -> list[str]:
    """The blocks of PromQL."""
    return [" ".join(block.split()) for block in re.findall(r"```promql\n(.*?)```", text, re.DOTALL)]


def commands(text: str, beginning: str) -> list[str]:
    """What stands in backquotes and begins so."""
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [code for code in re.findall(r"`([^`]+)`", outside) if code.startswith(beginning)]


def silences(alert: str) -> list[str]:
    """The commands of its runbook that make one."""
    return [command for command in commands(TEXTS[alert], "amtool") if " silence add " in command]


def names(expression: str) -> set[str]:
    """The metrics that an expression asks for by name: what is no text, label, duration, function or keyword."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", _without_texts(expression))
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    found = set(re.findall(r"(?<![\w.:])[a-zA-Z_:][\w:]*(?!\w*\s*\()(?![\w:])", bare))
    return {name for name in found if name not in _KEYWORDS}


def labels(expression: str) -> set[str]:
    """The labels that it matches, keeps or joins by."""
    bare = _without_texts(expression)
    matched = re.findall(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"", bare)
    grouped = re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", bare)
    return {*matched, *(label for group in grouped for label in re.findall(r"\w+", group))}


def _without_texts(expression: str) -> str:
    return re.sub(r"""\"[^"]*\"|'[^']*'|%q""", '""', expression)


@dataclass(frozen=True, slots=True)
class Known:
    """What can be asked for: the names and labels of the rules that ship and of the three programs' pages."""

    names: set[str]
    labels: set[str]


@dataclass(frozen=True, slots=True)
class Watching:
    """A healthy stack that has been looking for a while."""

    exporter: Exporter
    prometheus: Prometheus
    alertmanager: Alertmanager
    known: Known


async def read_pages(*urls: str) -> str:
    async with aiohttp.ClientSession() as session:
        return "\n".join([await (await session.get(f"{url}/metrics")).text() for url in urls])


def know(pages: str) -> Known:
    """Everything in those pages and in the rules, in the queries of their descriptions too."""
    samples = re.findall(r"^([a-zA-Z_:][\w:]*)(\{.*\})? ", pages, re.MULTILINE)
    described = [rule["annotations"]["description"] for rule in ALERTS.values()]
    asked = [found for text in described for found in re.findall(r'(?:query|printf) "([^"%][^"]*)"', text)]
    asked += [rule["expr"] for rule in rules()]
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    given = {label for rule in rules() for label in rule.get("labels", {})} | {"job", "instance", "__name__"}
    return Known(
        recorded.union((name for name, _ in samples), *map(names, asked)),
        given.union(*map(labels, asked), *(labels(found) for _, found in samples)),
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watching(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watching]:
    folder = tmp_path_factory.mktemp("runbooks")
    receiver = folder / "alertmanager.yml"
    receiver.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n", encoding="utf-8")
    async with AsyncExitStack() as running:
        box = await running.enter_async_context(Box())
        files = (hastened(folder, 2.0), box.write_config(folder))
        exporter = await running.enter_async_context(Exporter(folder, *files, arguments=("--workers=1",)))
        alertmanager = await running.enter_async_context(Alertmanager(folder, receiver))
        prometheus = await running.enter_async_context(
            Prometheus(folder, f"127.0.0.1:{exporter.port}", alertmanager=f"127.0.0.1:{alertmanager.port}")
        )
        await exporter.until_answer("tiktok", "up")
        await prometheus.until_holds('service_feature:outage_down:bool{service="tiktok"} == 0', within=60.0)
        pages = await read_pages(exporter.url, prometheus.url, alertmanager.url)
        yield Watching(exporter, prometheus, alertmanager, know(pages))


async def run(*command: str | Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_each_alert_has_a_runbook_and_no_runbook_is_without_an_alert() -> None:
    assert TEXTS.keys() == ALERTS.keys()


@pytest.mark.parametrize("alert", ALERTS)
async def test_each_alert_points_to_its_own_runbook(alert: str) -> None:
    assert ALERTS[alert]["annotations"]["runbook_url"].endswith(f"/alerts/runbooks/{alert}.md")


@pytest.mark.parametrize("alert", TEXTS)
async def test_a_runbook_is_titled_as_its_alert_and_has_four_sections_in_order(alert: str) -> None:
    headings = re.findall(r"^(#+) (.*)$", TEXTS[alert], re.MULTILINE)
    assert headings == [("#", alert), *(("##", section) for section in SECTIONS)]


@pytest.mark.parametrize("alert", TEXTS)
async def test_a_runbook_is_short_and_has_a_query_to_paste(alert: str) -> None:
    assert len(TEXTS[alert].splitlines()) in LINES
    assert queries(TEXTS[alert])


async def test_promtool_reads_every_query(tmp_path: Path) -> None:
    files = [tmp_path / f"{alert}.yml" for alert in TEXTS]
    for file in files:
        asked = [{"record": f"runbook:{n}", "expr": expr} for n, expr in enumerate(queries(TEXTS[file.stem]))]
        content = {"groups": [{"name": file.stem, "rules": asked}]}
        file.write_text(yaml.safe_dump(content, width=1000), encoding="utf-8")
    status, output = await run("promtool", "check", "rules", *files)
    assert status == 0, output


@pytest.mark.parametrize("alert", TEXTS)
async def test_a_query_asks_for_metrics_and_labels_that_exist(watching: Watching, alert: str) -> None:
    for query in queries(TEXTS[alert]):
        assert names(query) <= watching.known.names, query
        assert labels(query) <= watching.known.labels, query


@pytest.mark.parametrize("alert", TEXTS)
async def test_prometheus_answers_every_query(watching: Watching, alert: str) -> None:
    for query in queries(TEXTS[alert]):
        await watching.prometheus.query(query)


async def test_a_query_for_what_nobody_exposes_is_found_out(watching: Watching) -> None:
    query = 'sum by (city) (rate(probe_attempts{town="x"}[5m])) > on (service) up'
    assert names(query) - watching.known.names == {"probe_attempts"}
    assert labels(query) - watching.known.labels == {"city", "town"}


@pytest.mark.parametrize("alert", TEXTS)
async def test_our_commands_are_commands_that_exist(alert: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in commands(TEXTS[alert], "outage-exporter "):
        given = shlex.split(command)[1:]
        try:
            cli.parser(given).parse_args(given)
        except SystemExit:
            pytest.fail(f"{command}: {capsys.readouterr().err}")


@pytest.mark.parametrize("alert", TEXTS)
async def test_a_silence_is_of_an_alert_ends_and_says_why(alert: str) -> None:
    for command in silences(alert):
        options = dict(part.lstrip("-").split("=", 1) for part in shlex.split(command) if "=" in part)
        assert options["alertname"] in ALERTS
        assert 0 < int(options["duration"].removesuffix("h")) <= LONGEST_SILENCE
        assert options["comment"]


@pytest.mark.parametrize("alert", sorted(TEXTS.keys() - {"Watchdog"}))
async def test_how_to_silence_it_is_said_first(alert: str) -> None:
    assert f" alertname={alert} " in silences(alert)[0]


async def test_nobody_is_told_to_silence_the_watchdog() -> None:
    assert silences("Watchdog") == []


async def test_alertmanager_takes_every_command(watching: Watching) -> None:
    given = [shlex.split(command) for text in TEXTS.values() for command in commands(text, "amtool --alert")]
    for command in given:
        status, output = await run(*_addressed(command, watching.alertmanager.url))
        assert status == 0, f"{shlex.join(command)}: {output}"
    made = sum(len(silences(alert)) for alert in TEXTS)
    status, output = await run(
        "amtool", f"--alertmanager.url={watching.alertmanager.url}", "silence", "query", "--quiet"
    )
    assert len(output.split()) == made


def _addressed(command: Sequence[str], url: str) -> list[str]:
    assert command[1] == "--alertmanager.url=http://localhost:9093"
    return [command[0], f"--alertmanager.url={url}", *command[2:]]


@pytest.mark.parametrize("alert", TEXTS)
async def test_the_exporter_has_the_pages_that_are_named(watching: Watching, alert: str) -> None:
    for page in commands(TEXTS[alert], "/probes"):
        pair = page.replace("<service>/<endpoint>/<region>", "tiktok/homepage/here")
        assert (await watching.exporter.get(pair))[0] == 200, page


@pytest.mark.parametrize("alert", TEXTS)
async def test_files_that_are_named_exist(alert: str) -> None:
    root = RULES.parents[1]
    named = re.findall(r"\b(?:alerts|exporter|deploy)/[\w./*-]*\w", TEXTS[alert])
    assert [path for path in named if not list(root.glob(path))] == []


@pytest.mark.parametrize("alert", TEXTS)
async def test_other_runbooks_that_are_named_exist(alert: str) -> None:
    assert set(re.findall(r"\bOutage[A-Z]\w+", TEXTS[alert])) <= ALERTS.keys()
