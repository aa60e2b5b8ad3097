"""The unix kind: a dialogue with whoever listens at a path, and what is said of a path where nobody does.

blackbox_exporter has it since 0.28, Debian's does not: the names of the metrics are from its source.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from exporter.dialogue import Label, Step
from exporter.errors import ProbeError
from exporter.model import NetworkOptions, Reason
from exporter.net import TLS_FAMILIES, Network
from exporter.net.unix import PATH_LIMIT
from exporter.options import TLSConfig
from exporter.probes import unix
from tests.blackbox.dropped import dropped_privileges
from tests.probing import open_descriptors, probe
from tests.servers.certificates import Authority
from tests.servers.torture import Behaviour, Conversation, Torture, echo, never_answers, resets_at_once, smtp


async def talk(folder: Path, behaviour: Behaviour, *steps: Step, within: float = 5.0, **options: Any) -> Any:
    path = str(folder / "s")
    async with Torture(behaviour, address=path):
        return await probe("unix", path, within=within, query_response=steps, **options)


async def test_a_connection_is_enough_when_nothing_is_expected(tmp_path: Path) -> None:
    result = await talk(tmp_path, never_answers)
    assert result.ok, result.message
    assert set(result.phases) == {"connect"}
    assert result.samples == {"probe_failed_due_to_regex": 0.0, "probe_failed_due_to_bytes": 0.0}


async def test_a_dialogue_is_that_of_tcp(tmp_path: Path) -> None:
    step = Step(expect="^220 (\\w+)", send="hello $1", labels=(Label(name="name", value="${1}"),))
    result = await talk(tmp_path, echo, step, Step(expect="^you said hello box$", send="quit"))
    assert result.ok, result.message
    assert set(result.phases) == {"connect", "dialogue"}
    assert result.samples["probe_expect_info", "box"] == 1.0
    options = unix.Options(query_response=(step,))
    assert [family.labels for family in unix.families(options)][-1] == ("name",)


def test_it_has_no_metric_of_an_address_and_none_of_the_cipher() -> None:
    expected = {"probe_failed_due_to_regex", "probe_failed_due_to_bytes"}
    expected |= {family.name for family in TLS_FAMILIES} - {"probe_tls_cipher_info"}
    assert {family.name for family in unix.FAMILIES} == expected


async def test_a_line_that_never_comes_is_body(tmp_path: Path) -> None:
    result = await talk(tmp_path, echo, Step(expect="^221"), within=0.2)
    assert result.reason is Reason.BODY
    assert result.message == "no answer within 0.2 s while waiting for a line that matches '^221'"


async def test_other_bytes_than_expected_are_body(tmp_path: Path) -> None:
    result = await talk(tmp_path, echo, Step(expect_bytes="250"))
    assert result.reason is Reason.BODY
    assert result.samples["probe_failed_due_to_bytes"] == 1.0


async def test_a_peer_that_goes_away_is_told_by_its_path(tmp_path: Path) -> None:
    result = await talk(tmp_path, resets_at_once, Step(expect="^220"))
    assert result.reason is Reason.BODY
    assert result.message == f"{tmp_path}/s closed before a line that matches '^220'"


async def test_a_socket_where_nobody_listens_any_more_is_connect(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    async with Torture(echo, address=path):
        pass
    assert (await failure(path)) == f"nobody listens at {path}"


async def test_a_path_that_is_not_there_is_connect(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert (await failure(f"{path}")) == f"there is nothing at {path}"
    path.touch()
    assert (await failure(f"{path}/s")) == f"there is nothing at {path}/s, because a part of it is no folder"


async def test_a_path_of_something_else_is_connect(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert (await failure(f"{path}")) == f"{path} is no socket"
    assert (await failure(f"{tmp_path}")) == f"{tmp_path} is no socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(str(tmp_path / "datagrams"))
        assert (await failure(f"{tmp_path}/datagrams")) == f"{tmp_path}/datagrams is a socket, but not one of streams"


async def test_a_queue_that_is_full_is_connect(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as filler:
        listening.bind(path)
        listening.listen(0)
        filler.connect(path)
        assert (await failure(path)) == f"the queue of {path} is full: who listens there accepts nobody"


async def test_a_socket_that_this_program_may_not_use_never_counts_against_the_service(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    async with Torture(echo, address=path):
        os.chmod(path, 0)
        with dropped_privileges(tmp_path):
            result = await probe("unix", path)
    assert result.reason is Reason.INTERNAL
    assert result.message == f"this program has no permission to connect to {path}"


async def test_an_abstract_name_is_written_as_in_go() -> None:
    name = f"outage-exporter-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{name}")
        listening.listen()
        result = await probe("unix", f"@{name}")
    assert result.ok, result.message


@pytest.mark.parametrize("target", ["", "s", "run/app.sock", "unix:/run/app.sock", "/run/\0app.sock"])
def test_a_target_that_is_no_path_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="is not the path of a socket; write one that starts with /"):
        unix.check_target(target)


def test_a_path_as_long_as_the_kernel_takes_is_accepted() -> None:
    unix.check_target("/".ljust(PATH_LIMIT, "a"))
    with pytest.raises(ValueError, match=f"longer than {PATH_LIMIT} bytes"):
        unix.check_target("/".ljust(PATH_LIMIT + 1, "a"))


async def test_a_path_that_nobody_has_checked_is_connect_all_the_same(tmp_path: Path) -> None:
    network = Network(NetworkOptions())
    for path in (f"/{'a' * PATH_LIMIT}", "s", f"{tmp_path}/s\0s"):
        with pytest.raises(ProbeError) as caught:
            network.attempt(1.0).dial_unix(path)
        assert caught.value.reason is Reason.CONNECT
        assert repr(path) in str(caught.value)


async def test_the_name_on_the_certificate_is_configured(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    path = str(tmp_path / "s")
    async with Torture(echo, tls=authority.leaf("box.example").server_context(), address=path):
        config = TLSConfig(ca_file=str(authority.file), server_name="box.example")
        step = Step(expect="^220")
        result = await probe("unix", path, tls=True, tls_config=config, query_response=(step,))
        assert result.ok, result.message
        assert set(result.phases) == {"connect", "tls", "dialogue"}
        names = {key if isinstance(key, str) else key[0] for key in result.samples}
        assert names == {family.name for family in unix.FAMILIES}
        other = TLSConfig(ca_file=str(authority.file), server_name="other.example")
        result = await probe("unix", path, tls=True, tls_config=other)
        assert result.reason is Reason.TLS
        assert result.message.startswith(f"the certificate of {path} is refused")


async def test_tls_without_a_name_to_look_for_says_what_is_missing(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    path = str(tmp_path / "s")
    async with Torture(echo, tls=authority.leaf("box.example").server_context(), address=path):
        result = await probe("unix", path, tls=True, tls_config=TLSConfig(ca_file=str(authority.file)))
        assert result.reason is Reason.INTERNAL
        assert result.message.endswith("set tls_config.server_name")
        assert (await probe("unix", path, tls=True, tls_config=TLSConfig(insecure_skip_verify=True))).ok


async def test_starttls_protects_what_follows(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    steps = (
        Step(expect="^220", send="EHLO prober"),
        Step(expect="^250 STARTTLS", send="STARTTLS"),
        Step(expect="^220", starttls=True),
        Step(send="QUIT"),
        Step(expect="^221"),
    )
    config = TLSConfig(ca_file=str(authority.file), server_name="mail.example")
    mail = smtp(authority.leaf("mail.example").server_context())
    result = await talk(tmp_path, mail, *steps, tls_config=config)
    assert result.ok, result.message
    assert ("probe_tls_version_info", "TLS 1.3") in result.samples


async def test_a_flood_without_an_end_of_line_is_bounded(tmp_path: Path) -> None:
    async def behaviour(client: Conversation) -> None:
        await client.flood(b"x" * 4096)

    path = str(tmp_path / "s")
    before = open_descriptors()
    async with Torture(behaviour, address=path) as server:
        result = await probe("unix", path, query_response=(Step(expect="^220"),))
        assert server.sent < 4 << 20
    assert "line of more than 65536 bytes" in result.message
    assert open_descriptors() == before


async def failure(path: str) -> str:
    before = open_descriptors()
    result = await probe("unix", path)
    assert result.reason is Reason.CONNECT
    assert open_descriptors() == before
    return result.message
