"""The pages as files: made over real HTTP, and written by the command."""

from __future__ import annotations

import asyncio
import io
import json
import re
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from exporter import cli
from exporter.export import MANIFEST
from exporter.model import Answer
from exporter.verdict import Verdict
from exporter.web import export
from exporter.web.site import Site
from tests.configurations import NOW, config
from tests.servers.ports import free_port
from tests.servers.program import until
from tests.web.served import Served

CHECKED = replace(
    config("home").services[0], browser_checks=("https://www.tiktok.com/favicon.ico",), support="https://help.example/"
)


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """With an incident, and something for browsers to try; an export is made whenever it is asked for."""
    monkeypatch.setattr(export, "FRESH_FOR", 0.0)
    loaded = config("home")
    services = (CHECKED, *loaded.services[1:])
    async with Served(
        tmp_path / "served", loaded=replace(loaded, services=services, browser_controls=("https://control.example/x",))
    ) as running:
        bad = Verdict("tiktok", "TikTok", Answer.DOWN, {"feed": Answer.DOWN}, {}, ("feed is down.",))
        running.history.incidents.note(bad, NOW)
        yield running


async def archive(served: Served) -> dict[str, bytes]:
    async with served.session.get("/export.tar") as answer:
        assert (answer.status, answer.content_type) == (200, "application/x-tar")
        with tarfile.open(fileobj=io.BytesIO(await answer.read())) as tar:
            return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


async def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit status and output of the command."""
    status = await asyncio.to_thread(cli.main, ["export", *map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out + said.err


def url(served: Served) -> str:
    return f"--url=http://127.0.0.1:{served.port}/export.tar"


def there(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {MANIFEST}


async def test_every_service_has_its_pages_in_every_language(served: Served) -> None:
    found = await archive(served)
    for language in ("", "de/"):
        assert f"{language}index.html" in found
        for service in ("tiktok", "youtube_shorts"):
            assert {f"{language}{service}/index.html", f"{language}{service}/history/index.html"} <= found.keys()
    assert {"tiktok/feed.atom", "tiktok/badge.svg", "static/style.css", "api/v1/incidents.json"} <= found.keys()
    status = json.loads(found["api/v1/status.json"])
    assert status["services"][0]["service"] == "tiktok"
    assert status["generated_at"].endswith(":00Z")
    assert b'lang="de"' in found["de/tiktok/index.html"]
    assert "static/operator.css" not in found


async def test_a_page_says_its_policy_itself_and_needs_no_exporter(served: Served) -> None:
    page = (await archive(served))["tiktok/index.html"].decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert "connect-src &#39;self&#39; https://www.tiktok.com https://control.example;" in policy
    assert "data-events" not in page
    assert "<form" not in page
    assert "just-me" in page
    assert not re.search(r'(href|src|action)="/', page)


async def test_nothing_changes_in_it_while_nothing_changes(served: Served) -> None:
    async def same() -> bool:
        async with served.session.get("/export.tar") as answer:
            tag = answer.headers["ETag"]
        async with served.session.get("/export.tar", headers={"If-None-Match": tag}) as answer:
            return answer.status == 304

    # Pages tell the time of day, and a minute may end between the two.
    await until(same, bool)


async def test_what_changes_is_dated_and_what_does_not_keeps_its_date(served: Served) -> None:
    async def dates() -> dict[str, float]:
        async with served.session.get("/export.tar") as answer:
            with tarfile.open(fileobj=io.BytesIO(await answer.read())) as tar:
                return {entry.name: entry.mtime for entry in tar}

    before = await dates()
    loaded = served.running.store.config
    titles = count()

    async def renamed() -> dict[str, float]:
        service = replace(loaded.services[0], title=f"Renamed {next(titles)}")
        served.running.apply(replace(loaded, services=(service, *loaded.services[1:])))
        return await dates()

    # Dates are whole seconds.
    after = await until(renamed, lambda found: found["tiktok/badge.svg"] > before["tiktok/badge.svg"])
    assert after["static/style.css"] == before["static/style.css"]


async def test_it_is_made_once_however_many_ask(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "FRESH_FOR", 60.0)
    made: list[object] = []
    badge = export.badge
    monkeypatch.setattr(export, "badge", lambda site, name: made.append(name) or badge(site, name))
    await asyncio.gather(*(archive(served) for _ in range(5)))
    assert made == ["tiktok", "youtube_shorts"]


async def test_a_reload_in_the_middle_leaves_no_page_of_before(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, badge = served.running.store.config, export.badge

    def reloading(site: Site, name: str) -> str:
        if site.store.config is loaded:
            renamed = replace(loaded.services[0], title="Renamed")
            served.running.apply(replace(loaded, services=(renamed, *loaded.services[1:])))
        return badge(site, name)

    monkeypatch.setattr(export, "badge", reloading)
    found = await archive(served)
    assert [name for name, page in found.items() if name.startswith("tiktok/") and b"Renamed" not in page] == []


async def test_a_history_that_cannot_be_read_is_no_empty_export(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served.history.close()
    status, said = await run(capsys, tmp_path / "out", url(served))
    assert (status, said.endswith("/export.tar: it answered 503\n")) == (1, True)
    assert not (tmp_path / "out").exists()


async def test_the_command_writes_what_is_another_and_removes_what_is_gone(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (out / "tiktok").mkdir(parents=True)
    (out / "tiktok" / "mine.txt").write_text("kept")
    status, said = await run(capsys, out, url(served))
    files = set(await archive(served))
    assert (status, said) == (0, f"{len(files)} files in {out}: {len(files)} written, 0 removed.\n")
    assert there(out) == files | {"tiktok/mine.txt"}
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in out.rglob("*.html"))

    style = (out / "static" / "style.css").stat().st_ino
    loaded = served.running.store.config
    served.running.apply(replace(loaded, services=(replace(CHECKED, alternatives=()),)))
    status, said = await run(capsys, out, url(served))
    gone = {name for name in files if "youtube_shorts" in name}
    assert (status, said.endswith(f"{len(gone)} removed.\n")) == (0, True)
    assert there(out) == files - gone | {"tiktok/mine.txt"}
    assert not (out / "youtube_shorts").exists()
    assert (out / "static" / "style.css").stat().st_ino == style


@asynccontextmanager
async def giving(body: bytes, status: int = 200) -> AsyncIterator[str]:
    """A server that answers with this; the option that names it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} A\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"--url=http://127.0.0.1:{server.sockets[0].getsockname()[1]}/export.tar"


def packed(*entries: tuple[str, bytes], link: str = "") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, kind in (("index.html", tarfile.REGTYPE), *entries):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, link
            tar.addfile(entry)
    return made.getvalue()


TRICKS = ("../out.html", "/etc/out", "a/../../out", "a//b", "./a", ".htaccess", MANIFEST, "a\\..\\b", "a/.git/x", "")


@pytest.mark.parametrize(
    "body",
    [
        *(packed((name, tarfile.REGTYPE)) for name in TRICKS),
        *(packed(("a", kind), link="/etc/passwd") for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE)),
        packed(("fifo", tarfile.FIFOTYPE)),
        packed(("null", tarfile.CHRTYPE)),
        packed(("holes", tarfile.GNUTYPE_SPARSE)),
        packed()[:700],
        b"<html>not a tar</html>",
        b"",
    ],
)
async def test_an_archive_that_is_no_export_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: bytes
) -> None:
    async with giving(body) as option:
        status, said = await run(capsys, tmp_path / "out", option)
    assert status == 1
    assert re.match(
        r"outage-exporter: what came from http://127\.0\.0\.1:\d+/export\.tar (is no export|has an entry)", said
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("status", "why"),
    [(401, "it asks for a password"), (404, "there is no export at that address"), (500, "it answered 500")],
)
async def test_an_exporter_that_does_not_give_it_is_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int, why: str
) -> None:
    async with giving(b"no", status) as option:
        assert (found := await run(capsys, tmp_path / "out", option))[0] == 1
    assert why in found[1]


async def test_an_exporter_may_be_named_without_the_path_of_its_export(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, end in enumerate(("", "/")):
        status, said = await run(capsys, tmp_path / str(number), f"--url=http://127.0.0.1:{served.port}{end}")
        assert status == 0, said
        assert (tmp_path / str(number) / "index.html").exists()


async def test_an_exporter_that_does_not_run_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option in (f"--url=http://127.0.0.1:{free_port()}/export.tar", "--url=nonsense", "--url=http://a b/"):
        status, said = await run(capsys, tmp_path, option)
        assert (status, said.count("\n")) == (1, 1), said
        assert said.startswith("outage-exporter: cannot reach ")


async def test_a_folder_that_cannot_be_written_is_said_so(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "outside").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "tiktok").symlink_to(tmp_path / "outside")
    for folder, why in (
        ("file", "File exists"),
        ("file/below", "Not a directory"),
        ("/proc/nowhere", ""),
        ("linked", "tiktok/badge.svg would be outside of it"),
    ):
        status, said = await run(capsys, tmp_path / folder, url(served))
        assert (status, said.startswith("outage-exporter: cannot write to ")) == (1, True), said
        assert why in said
    assert not list((tmp_path / "outside").iterdir())


async def test_a_manifest_that_lies_removes_nothing_outside(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "precious").write_text("kept")
    (out / MANIFEST).write_text(json.dumps(["../precious", str(tmp_path / "precious"), 3, ".hidden"]))
    (out / ".hidden").write_text("kept")
    assert (await run(capsys, out, url(served)))[0] == 0
    assert (tmp_path / "precious").exists()
    assert (out / ".hidden").exists()
