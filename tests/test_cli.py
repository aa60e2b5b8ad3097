"""The commands as a person, a cron job or a container runs them, against TikTok in a box. No traceback, ever."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from exporter import __version__
from tests.servers.box import SHIPPED, Box
from tests.servers.faults import CONTROLS
from tests.servers.program import Exporter, Finished, run_command
from tests.servers.torture import Torture, answers_after, echo
from tests.servers.websocket import echoes, upgraded

WWW = "https://www.tiktok.com/"
UPLOAD = "open-upload.tiktokapis.com"
NO_NETWORK = ("unshare", "--net")


async def command(line: str, *arguments: str | Path, prefix: tuple[str, ...] = ()) -> Finished:
    """What a command came to; whatever it was told, it did not show a traceback."""
    finished = await run_command(*shlex.split(line), *arguments, prefix=prefix)
    assert "Traceback" not in finished.errors + finished.output
    assert "\x1b" not in finished.errors + finished.output
    return finished


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with Box() as box:
        yield box


@pytest.fixture
def configured(box: Box, tmp_path: Path) -> tuple[str | Path, ...]:
    """The shipped configuration, unchanged, with the box's file."""
    return ("--config.file", SHIPPED, "--config.file", box.write_config(tmp_path))


async def test_check_says_up_with_status_0(configured: tuple[str | Path, ...]) -> None:
    checked = await command("check", *configured)
    assert checked.status == 0
    lines = checked.output.partition("\n\nIs YouTube Shorts down? No.\n")[0].splitlines()
    assert lines[0] == "Is TikTok down? No."
    assert lines[1] == "TikTok is up."
    assert lines[2] == "  feed, video, login, upload, live, api and ads are fine in 1 region."
    assert lines[3] == "  Confidence: low. Probes from 1 region are fine; what people report is not known."
    table = dict(line.split() for line in lines[5:])
    assert table.pop("feature") == "here"
    assert set(table.values()) == {"up"}
    assert len(table) == 7
    assert "\nSnapchat Spotlight is up.\n" in checked.output
    assert checked.errors == ""


async def test_check_says_partly_down_with_status_1(box: Box, configured: tuple[str | Path, ...]) -> None:
    box.break_(feature="upload", mode="refuse")
    checked = await command("check tiktok", *configured)
    assert checked.status == 1
    lines = checked.output.splitlines()
    assert lines[:2] == ["Is TikTok down? Partly.", "TikTok is partly down."]
    assert lines[2].startswith("  upload is down in 1 of 1 region (here): ")
    assert "refused" in lines[2]
    assert ["upload", "down"] in [line.split() for line in lines]


async def test_check_says_degraded_with_status_1(box: Box, configured: tuple[str | Path, ...]) -> None:
    box.break_(host="vm.tiktok.com", mode="status 503")
    checked = await command("check", *configured)
    assert checked.status == 1
    said = "Is TikTok down? Partly.\nTikTok is up, but degraded.\n  feed is degraded in 1 of 1 region (here): "
    assert checked.output.startswith(said)


async def test_check_says_down_with_status_2(box: Box, configured: tuple[str | Path, ...]) -> None:
    box.break_(mode="reset")
    checked = await command("check", *configured)
    assert checked.status == 2
    assert checked.output.startswith("Is TikTok down? Yes.\nTikTok is down.\n")


async def test_an_alternative_that_is_down_counts_only_when_it_is_asked_for(
    box: Box, configured: tuple[str | Path, ...]
) -> None:
    box.break_(service="youtube_shorts", mode="reset")
    checked = await command("check", *configured)
    assert checked.status == 0
    assert checked.output.startswith("Is TikTok down? No.\nTikTok is up.\n")
    assert "\nYouTube Shorts is down.\n" in checked.output
    asked = await command("check youtube_shorts", *configured)
    assert asked.status == 2
    assert asked.output.startswith("Is YouTube Shorts down? Yes.\nYouTube Shorts is down.\n")


async def test_check_says_that_the_line_is_cut_with_status_3(box: Box, configured: tuple[str | Path, ...]) -> None:
    box.break_(mode="refuse")
    box.break_(feature=CONTROLS, mode="refuse")
    checked = await command("check", *configured)
    assert checked.status == 3
    assert checked.output.startswith("Is TikTok down? Can't tell.\nWe can't tell whether TikTok is down.\n")
    assert "No region of ours sees the internet: the problem is on your end." in checked.output


async def test_check_without_any_network_says_that_the_line_is_cut_with_status_3() -> None:
    checked = await command("check", prefix=NO_NETWORK)
    assert checked.status == 3
    assert "No region of ours sees the internet: the problem is on your end." in checked.output
    assert checked.errors == "Globalping is left out: what it is asked is counted, and is for `outage-exporter run`.\n"


async def test_check_as_json_holds_verdict_sights_and_results(box: Box, configured: tuple[str | Path, ...]) -> None:
    box.break_(feature="upload", mode="refuse")
    checked = await command("check --json", *configured)
    assert checked.status == 1
    found = json.loads(checked.output)
    assert [service["answer"] for service in found["services"]] == ["partial", "up", "up", "up"]
    assert {"feature": "upload", "region": "here", "state": "down"} in found["services"][0]["states"]
    assert [(region["region"], region["seeing"]) for region in found["regions"]] == [("here", True)]
    assert [result["reason"] for result in found["results"] if not result["ok"]] == ["connect"]
    assert len(found["results"]) == 28


async def test_check_of_an_unknown_service_names_those_there_are() -> None:
    checked = await command("check tiktak")
    assert (checked.status, checked.output) == (3, "")
    known = "tiktok, youtube_shorts, instagram_reels, snapchat_spotlight"
    assert checked.errors == f"outage-exporter: 'tiktak' is not a configured service ({known})\n"


async def test_check_that_cannot_run_is_unknown_and_not_down(tmp_path: Path) -> None:
    missing = await command("check --config.file", tmp_path / "missing.yaml")
    misspelt = await command("check --jason")
    assert (missing.status, misspelt.status) == (3, 3)
    assert "missing.yaml: cannot read" in missing.errors
    assert "--jason" in misspelt.errors


async def test_probe_shows_phases_hops_address_and_certificate(configured: tuple[str | Path, ...], box: Box) -> None:
    probed = await command(f"probe {WWW}", *configured)
    assert probed.status == 0
    assert probed.output.startswith(f"{WWW} from here: ok\n")
    for word in ("resolve", "connect", "tls", "processing", "transfer", "total", "hops:", "certificate", "TLS"):
        assert word in probed.output, word
    assert box.sites["www.tiktok.com"].address in probed.output


async def test_probe_says_what_failed_and_why_with_status_1(configured: tuple[str | Path, ...], box: Box) -> None:
    box.break_(host=UPLOAD, mode="bad certificate")
    probed = await command(f"probe tcp://{UPLOAD}:443", *configured)
    assert probed.status == 0  # without TLS asked for, the connection is all there is to prove
    probed = await command(f"probe https://{UPLOAD}/", *configured)
    assert probed.status == 1
    assert f"https://{UPLOAD}/ from here: failed (tls): " in probed.output
    assert "expired" in probed.output


async def test_probe_as_json_has_phases_that_add_up(configured: tuple[str | Path, ...]) -> None:
    probed = await command(f"probe --json {WWW}", *configured)
    found = json.loads(probed.output)
    assert found["ok"] is True
    assert sum(found["phases"].values()) == pytest.approx(found["duration_seconds"], abs=1e-5)


async def test_probe_takes_a_websocket_by_its_url_and_a_socket_of_this_machine_by_its_path(tmp_path: Path) -> None:
    async with Torture(upgraded(echoes)) as server, Torture(echo, address=str(tmp_path / "s")):
        probed = await command(f"probe ws://127.0.0.1:{server.port}/")
        assert probed.status == 0, probed.output
        assert "processing" in probed.output
        probed = await command(f"probe unix://{tmp_path}/s")
        assert probed.status == 0, probed.output


async def test_probe_says_which_kinds_a_region_carries(tmp_path: Path) -> None:
    file = tmp_path / "far.yaml"
    file.write_text("regions: {far: {kind: proxy, url: 'http://127.0.0.1:1'}}\n")
    probed = await command("probe icmp://tiktok.com --region far --config.file", SHIPPED, "--config.file", file)
    assert probed.status == 1
    assert "region far (proxy) carries grpc, http, tcp, websocket, not icmp" in probed.errors


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("ftp://tiktok.com/", "begin with one of http://, https://, ws://, wss://, tcp://"),
        ("tiktok.com", "begin with one of http://, https://, ws://, wss://, tcp://"),
        ("tcp://tiktok.com", "is not host:port"),
        ("unix://run/app.sock", "is not the path of a socket"),
        ("'http://[::1/'", "Invalid IPv6 URL"),
        (f"{WWW} --region mars", "'mars' is not a region (here, us, br, gb, de, za, jp, id, au)"),
    ],
)
async def test_probe_refuses_what_it_cannot_probe_in_one_sentence(arguments: str, complaint: str) -> None:
    probed = await command(f"probe {arguments}")
    assert (probed.status, probed.output) == (1, "")
    assert complaint in probed.errors
    assert probed.errors.count("\n") == 1


async def test_config_check_counts_what_ships() -> None:
    checked = await command("config check")
    assert (checked.status, checked.errors) == (0, "")
    assert checked.output == "No mistake; services: 4, regions: 9, pairs: 60.\n"


async def test_config_check_lists_every_mistake_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "outage.yaml"
    file.write_text(
        "regions:\n"
        "  here: {kind: locall}\n"
        "services:\n"
        "  shop:\n"
        "    title: Shop\n"
        "    features:\n"
        "      buy:\n"
        "        endpoints:\n"
        "          page: {url: 'https://shop.example/', http: {valid_staus_codes: [200]}}\n",
        encoding="utf-8",
    )
    checked = await command("config check --config.file", file)
    assert (checked.status, checked.output) == (1, "")
    assert f"{file}:2: regions.here.kind: 'locall'" in checked.errors
    assert f"{file}:9: services.shop.features.buy.endpoints.page.http.valid_staus_codes: unknown key" in checked.errors
    assert "did you mean valid_status_codes?" in checked.errors
    assert checked.errors.endswith("mistakes; nothing was applied.\n")


async def test_config_show_hides_secrets(tmp_path: Path) -> None:
    file = tmp_path / "proxy.yaml"
    file.write_text("regions: {eu: {kind: proxy, url: 'socks5h://me:hunter2@127.0.0.1:1080'}}\n", encoding="utf-8")
    shown = await command("config show --config.file", SHIPPED, "--config.file", file)
    assert shown.status == 0
    assert "hunter2" not in shown.output
    assert "<secret>" in shown.output
    assert set(yaml.safe_load(shown.output)) >= {"regions", "controls", "services"}


async def test_config_schema_is_json() -> None:
    described = await command("config schema")
    assert described.status == 0
    assert "$schema" in json.loads(described.output)


async def test_healthcheck_of_a_running_exporter_and_of_none(tmp_path: Path) -> None:
    async with Torture(answers_after(0.0)) as server:
        page = {"url": server.url}
        content = {
            "regions": {"here": {"kind": "local"}},
            "controls": {"control": page},
            "services": {"shop": {"features": {"buy": {"core": True, "endpoints": {"page": page}}}}},
        }
        file = tmp_path / "shop.yaml"
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        async with Exporter(tmp_path, file) as exporter:
            healthy = await command(f"healthcheck --url {exporter.url}/-/healthy")
            wrong = await command(f"healthcheck --url {exporter.url}/nowhere")
        ended = await command(f"healthcheck --url {exporter.url}/-/healthy")
    assert (healthy.status, healthy.output) == (0, "healthy: 200\n")
    assert (wrong.status, wrong.output) == (1, "answered 404\n")
    assert ended.status == 1
    assert ended.output.startswith("not healthy: ")


async def test_a_healthcheck_imports_no_room_of_the_exporter() -> None:
    asking = "import sys; from exporter.cli import main; main(['healthcheck', '--url', 'http://127.0.0.1:9/'])"
    listing = "print(*(name for name in sys.modules if name.startswith('exporter.')))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", f"{asking}; {listing}", stdout=PIPE)
    output, _ = await process.communicate()
    assert output.decode().splitlines()[1:] == ["exporter.cli exporter.cli.healthcheck"]


async def test_version_is_that_of_the_package() -> None:
    assert (await command("--version")).output == f"outage-exporter {__version__}\n"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "COMMAND"),
        ("fly", "invalid choice: 'fly'"),
        ("config", "ACTION"),
        ("run --shard 3/2", "'3/2' is not a shard; write I/N with I from 1 to N, such as 2/5"),
        ("run --shard 0/0", "'0/0' is not a shard"),
        ("run --workers 0", "'0' is not a number of workers, from 1 to 256"),
        ("run --log.level loud", "invalid choice: 'loud'"),
        ("probe", "URL"),
    ],
)
async def test_a_wrong_command_line_says_what_is_wrong_with_status_2(line: str, complaint: str) -> None:
    refused = await command(line)
    assert (refused.status, refused.output) == (2, "")
    assert complaint in refused.errors


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("--web.listen-address nonsense", "'nonsense' is not an address to listen on; write HOST:PORT"),
        ("--web.listen-address 203.0.113.1:1", "cannot listen on 203.0.113.1:1: Cannot assign requested address"),
        ("--web.config.file /nonexistent.yaml", "/nonexistent.yaml: cannot read: No such file or directory"),
        ("--data.dir /dev/null", "cannot make the folder /dev/null: File exists"),
    ],
)
async def test_run_that_cannot_start_says_why_with_status_1(tmp_path: Path, line: str, complaint: str) -> None:
    given = shlex.split(line)
    if "--data.dir" not in given:
        given += ["--data.dir", str(tmp_path)]
    if "--web.listen-address" not in given:
        given += ["--web.listen-address", "127.0.0.1:0"]
    refused = await command("run", *given)
    assert (refused.status, refused.output) == (1, "")
    assert complaint in refused.errors
    assert "Errno" not in refused.errors
