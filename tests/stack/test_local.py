"""The whole stack in one command, as real processes: what runs, what is said, what is kept, what ends.

Not covered, because no Grafana can be installed where these tests run: that a real Grafana takes the flags, the
environment and the provisioning that it is given. A stand-in shows only that it is found, started and ended.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
import yaml

from deploy.local.derived import write_alertmanager
from deploy.local.programs import ROOT, Local
from tests.servers.local import ENDS_WITHIN, LocalStack, free_ports
from tests.servers.program import until

MODULE = pytest.mark.asyncio(loop_scope="module")
RULES = ROOT / "alerts" / "rules"
SHIPPED = ROOT / "alerts" / "alertmanager.yml"
CONFIG = """
defaults: {{interval: 5s, timeout: 2s}}
regions: {{here: {{kind: local}}}}
controls: {{door: {{kind: tcp, target: "127.0.0.1:{port}"}}}}
services:
  shop:
    features:
      checkout:
        core: true
        endpoints: {{till: {{kind: tcp, target: "127.0.0.1:{port}"}}}}
"""
GRAFANA = f"""#!{sys.executable}
import http.server, os
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()
        self.wfile.write(os.environ["PROMETHEUS_URL"].encode())
    def log_message(self, *arguments):
        pass
place = (os.environ["GF_SERVER_HTTP_ADDR"], int(os.environ["GF_SERVER_HTTP_PORT"]))
http.server.HTTPServer(place, Health).serve_forever()
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def config(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """A service of one endpoint on this machine, so that nothing else is probed."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        file = tmp_path_factory.mktemp("config") / "shop.yaml"
        file.write_text(CONFIG.format(port=server.sockets[0].getsockname()[1]), encoding="utf-8")
        yield file


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory, config: Path) -> AsyncIterator[LocalStack]:
    """Everything that can run here, ready."""
    folder = tmp_path_factory.mktemp("local")
    async with LocalStack(folder / "data", files=(config,), log=folder / "log") as running:
        await running.until_ready()
        yield running


def running_in(folder: Path) -> list[psutil.Process]:
    """The processes whose command line names that folder."""
    return [p for p in psutil.process_iter(["cmdline"]) if any(str(folder) in word for word in p.info["cmdline"] or ())]


async def until_nothing_runs_in(folder: Path) -> None:
    async def left() -> list[psutil.Process]:
        return running_in(folder)

    await until(left, lambda found: not found, ENDS_WITHIN)


@MODULE
async def test_the_rules_that_ship_are_loaded_and_evaluate_without_a_failure(stack: LocalStack) -> None:
    async def groups() -> list[dict]:
        return (await stack.get("prometheus", "/api/v1/rules"))["data"]["groups"]

    def evaluated(found: list[dict]) -> bool:
        return bool(found) and all(rule["health"] != "unknown" for group in found for rule in group["rules"])

    found = await until(groups, evaluated, 90)
    assert {Path(group["file"]) for group in found} == set(RULES.glob("*.yml"))
    assert [rule for group in found for rule in group["rules"] if rule["health"] != "ok"] == []


@MODULE
async def test_prometheus_scrapes_all_that_runs(stack: LocalStack) -> None:
    async def health() -> dict[str, str]:
        targets = (await stack.get("prometheus", "/api/v1/targets"))["data"]["activeTargets"]
        return {target["labels"]["job"]: target["health"] for target in targets}

    jobs = ("outage-exporter", "prometheus", "alertmanager")
    await until(health, lambda found: found == dict.fromkeys(jobs, "up"), 60)


@MODULE
async def test_a_region_is_the_exporters_own_label(stack: LocalStack) -> None:
    async def regions() -> list[dict]:
        return (await stack.get("prometheus", "/api/v1/query?query=outage_region_seeing"))["data"]["result"]

    found = await until(regions, bool, 60)
    assert [series["metric"]["region"] for series in found] == ["here"]


@MODULE
async def test_the_watchdog_arrives_at_alertmanager(stack: LocalStack) -> None:
    async def names() -> set[str]:
        return {alert["labels"]["alertname"] for alert in await stack.get("alertmanager", "/api/v2/alerts")}

    # What Prometheus evaluates in its first five seconds goes to nobody, and is sent again a minute later.
    await until(names, lambda found: "Watchdog" in found, 120)
    found = (await stack.get("prometheus", "/api/v1/alertmanagers"))["data"]["activeAlertmanagers"]
    assert [each["url"] for each in found] == [f"http://localhost:{stack.ports['alertmanager']}/api/v2/alerts"]


@MODULE
async def test_prometheus_keeps_more_than_the_thirty_days_of_an_objective(stack: LocalStack) -> None:
    flags = (await stack.get("prometheus", "/api/v1/status/flags"))["data"]
    assert flags["storage.tsdb.retention.time"] == "31d"


@MODULE
async def test_all_listen_on_this_machine_alone(stack: LocalStack) -> None:
    children = psutil.Process(stack.process.pid).children(recursive=True)
    sockets = [each for child in children for each in child.net_connections("inet") if each.status == "LISTEN"]
    ports = {stack.ports[name] for name in ("exporter", "prometheus", "alertmanager")}
    assert {(each.laddr.ip, each.laddr.port) for each in sockets} == {("127.0.0.1", port) for port in ports}


@MODULE
async def test_the_start_says_where_everything_is_and_who_cannot_be_told(stack: LocalStack) -> None:
    said = stack.log
    for title, name in (("exporter", "exporter"), ("Prometheus", "prometheus"), ("Alertmanager", "alertmanager")):
        assert f"  {title:<12}  http://localhost:{stack.ports[name]}/\n" in said
    if not shutil.which("grafana") and not shutil.which("grafana-server"):
        assert "  Grafana       not installed: https://grafana.com/" in said
    for receiver, secret in (("pager", "pagerduty_routing_key"), ("chat", "slack_api_url"), ("email", "smtp_password")):
        assert f"no {receiver}: put its secret into " in said
        assert f"/secrets/{secret} and start again\n" in said
    assert f"seen at http://localhost:{stack.ports['alertmanager']}/ alone." in said
    assert "level=info" not in "".join(
        line for line in said.splitlines() if "| ts=" in line and "exporter " not in line
    )


async def test_the_configuration_that_ships_is_good_as_it_is() -> None:
    file = ROOT / "deploy" / "local" / "prometheus.yml"
    checked = await asyncio.create_subprocess_exec(
        "promtool", "check", "config", file, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await checked.communicate()
    assert checked.returncode == 0, output
    assert f"{len(list(RULES.glob('*.yml')))} rule files found" in output.decode()


def test_grafana_reckons_with_the_interval_at_which_prometheus_scrapes() -> None:
    scraped = yaml.safe_load((ROOT / "deploy" / "local" / "prometheus.yml").read_text())["global"]["scrape_interval"]
    (source,) = yaml.safe_load((ROOT / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    assert source["jsonData"]["timeInterval"] == scraped


async def test_what_has_its_secret_is_told_and_the_routing_stays(tmp_path: Path) -> None:
    local = Local(data=tmp_path, ports=free_ports())
    secret = tmp_path / "secrets" / "pagerduty_routing_key"
    secret.parent.mkdir()
    secret.write_text("0123", encoding="utf-8")
    (secret.parent / "slack_api_url").write_text("\n", encoding="utf-8")
    mutes = write_alertmanager(local)
    assert {mute.receiver for mute in mutes} == {"chat", "email", "deadman"}
    shipped, derived = (yaml.safe_load(file.read_text()) for file in (SHIPPED, local.alertmanager_config))
    assert {key: derived[key] for key in ("route", "inhibit_rules")} == {
        key: shipped[key] for key in ("route", "inhibit_rules")
    }
    told = {each["name"]: [key for key in each if key != "name" and each[key]] for each in derived["receivers"]}
    assert told == {"pager": ["pagerduty_configs"], "chat": [], "email": [], "deadman": []}
    assert derived["receivers"][0]["pagerduty_configs"][0]["routing_key_file"] == str(secret)
    checked = await asyncio.create_subprocess_exec(
        "amtool", "check-config", local.alertmanager_config, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await checked.communicate()
    assert checked.returncode == 0, output


async def test_a_mistake_in_alertmanagers_file_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text("route:\n  receiver: [chat\n", encoding="utf-8")
    log = tmp_path / "log"
    async with LocalStack(tmp_path / "data", f"--alertmanager.file={file}", log=log) as stack:
        assert await stack.ended() == 1
    assert stack.log.startswith(f"stack: {file}:3: ")
    assert stack.log.count("\n") == 1


async def test_ctrl_c_ends_all_of_it_and_the_data_is_there_at_the_next_start(tmp_path: Path, config: Path) -> None:
    data, ports = tmp_path / "data", free_ports()

    async def up(stack: LocalStack, at: float | None = None) -> list[dict]:
        query = "/api/v1/query?query=up%7Bjob=%22outage-exporter%22%7D==1" + (f"&time={at:.3f}" if at else "")
        return (await stack.get("prometheus", query))["data"]["result"]

    async with LocalStack(data, files=(config,), ports=ports, log=tmp_path / "log") as stack:
        await stack.until_ready()
        await until(lambda: up(stack), bool, 60)
        seen = time.time()
        silence = (await stack.post("alertmanager", "/api/v2/silences", a_silence()))["silenceID"]
        # A terminal sends it to every process of the foreground, not only to the first.
        for process in (psutil.Process(stack.process.pid), *psutil.Process(stack.process.pid).children()):
            process.send_signal(signal.SIGINT)
        assert await stack.ended() == 0
        await until_nothing_runs_in(data)
        assert stack.log.endswith("All stopped.\n")
        assert "Traceback" not in stack.log
    async with LocalStack(data, files=(config,), ports=ports, log=tmp_path / "log") as again:
        await again.until_ready()
        assert await up(again, seen)
        assert [each["id"] for each in await again.get("alertmanager", "/api/v2/silences")] == [silence]
    assert (data / "history.sqlite").is_file()


def a_silence() -> dict:
    now = datetime.now(UTC)
    matcher = {"name": "service", "value": "shop", "isRegex": False, "isEqual": True}
    return {
        "matchers": [matcher],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "a test",
        "comment": "must survive",
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_while_it_starts_ends_all_that_was_started(
    tmp_path: Path, config: Path, number: signal.Signals
) -> None:
    async with LocalStack(tmp_path / "data", files=(config,), log=tmp_path / "log") as stack:
        await stack.until_children(1)
        stack.process.send_signal(number)
        assert await stack.ended() == 0
        await until_nothing_runs_in(tmp_path / "data")
    assert "Traceback" not in stack.log


async def test_a_reader_that_goes_away_ends_it(tmp_path: Path, config: Path) -> None:
    log = tmp_path / "log"
    os.mkfifo(log)
    reading = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    async with LocalStack(tmp_path / "data", files=(config,), log=log) as stack:
        await stack.until_children(3)
        os.close(reading)
        assert await stack.ended() == 0
        await until_nothing_runs_in(tmp_path / "data")


async def test_a_program_that_dies_ends_the_stack_with_its_name(tmp_path: Path, config: Path) -> None:
    async with LocalStack(tmp_path / "data", files=(config,), log=tmp_path / "log") as stack:
        await stack.until_ready()
        (victim,) = (process for process in running_in(tmp_path / "data") if process.name() == "prometheus")
        victim.kill()
        assert await stack.ended() == 1
        await until_nothing_runs_in(tmp_path / "data")
    assert stack.log.endswith("stack: Prometheus was killed by SIGKILL, so all was stopped. What it said is above.\n")


async def test_an_exporter_that_cannot_start_says_why_and_ends_the_stack(tmp_path: Path) -> None:
    async with LocalStack(tmp_path / "data", files=(tmp_path / "none.yaml",), log=tmp_path / "log") as stack:
        assert await stack.ended() == 1
    assert "stack: exporter ended with status 1, so all was stopped." in stack.log
    assert "none.yaml" in stack.log


async def test_a_program_that_is_missing_is_told_and_the_rest_runs(tmp_path: Path, config: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "prometheus").symlink_to(shutil.which("prometheus") or "")
    environment = {"PATH": str(programs)}
    async with LocalStack(tmp_path / "data", files=(config,), environment=environment, log=tmp_path / "log") as stack:
        await stack.until_ready()
        assert "  Alertmanager  not installed: apt-get install prometheus-alertmanager" in stack.log
        assert "nobody is told of an alert\n" in stack.log

        async def jobs() -> set[str]:
            targets = (await stack.get("prometheus", "/api/v1/targets"))["data"]["activeTargets"]
            return {target["labels"]["job"] for target in targets}

        assert await until(jobs, bool) == {"outage-exporter", "prometheus"}
        found = (await stack.get("prometheus", "/api/v1/alertmanagers"))["data"]
        assert (found["activeAlertmanagers"], found["droppedAlertmanagers"]) == ([], [])


async def test_grafana_is_started_where_it_is_installed(tmp_path: Path, config: Path) -> None:
    program = tmp_path / "bin" / "grafana-server"
    program.parent.mkdir()
    program.write_text(GRAFANA, encoding="utf-8")
    program.chmod(0o755)
    environment = {"PATH": str(program.parent)}
    async with LocalStack(tmp_path / "data", files=(config,), environment=environment, log=tmp_path / "log") as stack:
        await stack.until_ready()
        assert f"  Grafana       http://localhost:{stack.ports['grafana']}/\n" in stack.log


@pytest.mark.parametrize("names", [("prometheus",), ("exporter", "alertmanager")])
async def test_a_taken_port_is_one_sentence_before_anything_starts(tmp_path: Path, names: tuple[str, ...]) -> None:
    sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    ports = free_ports() | {name: each.getsockname()[1] for name, each in sockets.items()}
    async with LocalStack(tmp_path / "data", ports=ports, log=tmp_path / "log") as stack:
        assert await stack.ended() == 1
    for each in sockets.values():
        each.close()
    assert stack.log.count("\n") == 1
    assert stack.log.startswith(f"stack: port {ports[names[0]]} (")
    for name in names:
        assert f"--port {name}=PORT" in stack.log
    assert not (tmp_path / "data").exists()


async def test_a_data_folder_has_one_stack_at_a_time(tmp_path: Path, config: Path) -> None:
    data = tmp_path / "data"
    async with LocalStack(data, files=(config,), log=tmp_path / "first") as first:
        await first.until_children(1)
        async with LocalStack(data, files=(config,), log=tmp_path / "second") as second:
            assert await second.ended() == 1
        assert first.process.returncode is None
    assert second.log == (
        f"stack: {data} is in use by another stack; choose another with --data (with make: DATA=...)\n"
    )
