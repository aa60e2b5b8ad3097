"""The tcp kind: dialogues, and the same answers as blackbox_exporter's for the same module."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import re2

from exporter.dialogue import Label, Step, expanded
from exporter.model import NetworkOptions, Reason
from exporter.probes import tcp
from tests.probes.blackbox import assert_same, blackbox
from tests.probing import probe, unanswering_port
from tests.servers.certificates import Authority
from tests.servers.dns import DNSServer, addresses
from tests.servers.ports import free_port
from tests.servers.torture import (
    Behaviour,
    Conversation,
    Torture,
    echo,
    never_answers,
    resets_at_once,
    smtp,
)


def says(*pieces: bytes, stays: bool = False) -> Behaviour:
    """Sends `pieces`, then closes or stays."""

    async def behaviour(client: Conversation) -> None:
        for piece in pieces:
            await client.send(piece)
        if stays:
            await client.reader.read()

    return behaviour


async def says_no_more(client: Conversation) -> None:
    """Finishes at once, but listens on, so that nothing that is sent to it makes it reset."""
    client.writer.write_eof()
    await client.reader.read()


async def talk(behaviour: Behaviour, *steps: Step, within: float = 5.0, **options: Any) -> Any:
    async with Torture(behaviour) as server:
        return await probe("tcp", f"127.0.0.1:{server.port}", within=within, query_response=steps, **options)


async def test_a_connection_is_enough_when_nothing_is_expected() -> None:
    result = await talk(never_answers)
    assert result.ok
    assert set(result.phases) == {"resolve", "connect"}


async def test_a_dialogue_expands_the_groups_of_its_pattern() -> None:
    result = await talk(
        echo,
        Step(expect="^(?P<code>\\d+) (\\w+) ready$", send="${2} $code $$1 $9."),
        Step(expect="^you said box 220 [$]1 [.]$", send="quit"),
    )
    assert result.ok, result.message
    assert set(result.phases) == {"resolve", "connect", "dialogue"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (b"$1", b"one"),
        (b"${1}1", b"one1"),
        (b"$11", b""),
        (b"$1x", b""),
        (b"$name-", b"two-"),
        (b"${name}x", b"twox"),
        (b"$$1", b"$1"),
        (b"$3|$0", b"|one two"),
        (b"100$ ${ }", b"100$ ${ }"),
        (b"$unknown!", b"!"),
    ],
)
def test_templates_are_those_of_go(template: bytes, expected: bytes) -> None:
    assert expanded(template, re2.search(r"(\w+) (?P<name>\w+)(never)?", b"one two")) == expected


async def test_what_is_sent_without_an_expectation_is_sent_as_it_stands() -> None:
    result = await talk(echo, Step(expect="^(220)"), Step(send="$1"), Step(expect="^you said [$]1$"))
    assert result.ok, result.message


async def test_lines_that_do_not_match_are_passed_over() -> None:
    result = await talk(says(b"one\r\ntwo\n", b"thr", b"ee\r\n"), Step(expect="^one$"), Step(expect="^three$"))
    assert result.ok, result.message


async def test_the_last_line_needs_no_end() -> None:
    assert (await talk(says(b"login: "), Step(expect="^login: $"))).ok


async def test_bytes_that_are_no_text_match_a_dot() -> None:
    assert (await talk(says(b"J\xff\x00\n5.7.1\xfe\n"), Step(expect="^J..$"), Step(expect="^5.7.*$"))).ok


async def test_groups_that_are_no_text_are_sent_back_unchanged() -> None:
    async def behaviour(client: Conversation) -> None:
        await client.send(b"key \xff\xfe\x00\n")
        await client.send(b"right\n" if await client.reader.readline() == b"\xff\xfe\x00\n" else b"wrong\n")

    result = await talk(behaviour, Step(expect="^key (\\C*)$", send="${1}"), Step(expect="^right$"))
    assert result.ok, result.facts


async def test_a_line_that_never_comes_is_body_at_the_deadline() -> None:
    result = await talk(echo, Step(expect="^221"), within=0.3)
    assert result.reason is Reason.BODY
    assert result.message == "no answer within 0.3 s while waiting for a line that matches '^221'"
    assert result.facts["last_line"] == "220 box ready"
    assert result.samples["probe_failed_due_to_regex"] == 0.0


async def test_a_peer_that_closes_before_the_expected_line_is_body() -> None:
    result = await talk(says(b"554 go away\r\n"), Step(expect="^220"))
    assert result.reason is Reason.BODY
    assert result.samples["probe_failed_due_to_regex"] == 1.0


async def test_a_peer_that_resets_is_protocol() -> None:
    assert (await talk(resets_at_once, Step(expect="^220"))).reason is Reason.PROTOCOL


async def test_a_line_without_an_end_is_bounded() -> None:
    async def behaviour(client: Conversation) -> None:
        await client.flood(b"x" * 4096)

    async with Torture(behaviour) as server:
        result = await probe("tcp", f"127.0.0.1:{server.port}", query_response=(Step(expect="^220"),))
        assert server.sent < 8 << 20
    assert result.reason is Reason.BODY
    assert "line of more than 65536 bytes" in result.message


async def test_expected_bytes_are_compared_where_they_stand() -> None:
    assert (await talk(says(b"\0\1", b"\2rest\n", stays=True), Step(expect_bytes="\0\1\2"), Step(expect="^rest$"))).ok
    result = await talk(says(b"x\0\1\2", stays=True), Step(expect_bytes="\0\1\2"))
    assert result.reason is Reason.BODY
    assert result.samples["probe_failed_due_to_bytes"] == 1.0


async def test_expected_bytes_that_do_not_all_come_are_body() -> None:
    result = await talk(says(b"\0\1"), Step(expect_bytes="\0\1\2"))
    assert result.reason is Reason.BODY
    assert result.samples["probe_failed_due_to_bytes"] == 0.0
    assert (await talk(says(b"\0\1", stays=True), Step(expect_bytes="\0\1\2"), within=0.2)).reason is Reason.BODY


async def test_labels_hold_what_was_matched() -> None:
    labels = (Label(name="software", value="${1}"), Label(name="fixed", value="yes"))
    step = Step(expect="^SSH-2.0-([^ -]+)", labels=labels)
    result = await talk(says(b"SSH-2.0-OpenSSH_9.2 Debian\r\n"), step)
    assert result.samples["probe_expect_info", "OpenSSH_9.2", "yes"] == 1.0
    options = tcp.Options(query_response=(step,))
    assert [family.labels for family in tcp.families(options) if family.name == "probe_expect_info"] == [
        ("software", "fixed")
    ]
    assert tcp.families(tcp.Options()) == tcp.FAMILIES


async def test_plain_text_that_comes_with_the_starttls_answer_is_not_taken_for_protected(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.leaf("localhost").server_context()

    async def behaviour(client: Conversation) -> None:
        await client.send(b"220 go ahead\r\n250 smuggled\r\n")
        await client.writer.start_tls(context)
        await client.send(b"250 protected\r\n")

    result = await talk(
        behaviour,
        Step(expect="^220", starttls=True),
        Step(expect="^250 (.*)$", labels=(Label(name="which", value="$1"),)),
        tls_config=tcp.TLSConfig(ca_file=str(authority.file), server_name="localhost"),
    )
    assert result.ok, result.message
    assert result.samples["probe_expect_info", "protected"] == 1.0


async def test_one_address_is_tried_unless_any_is_asked_for() -> None:
    async with Torture(echo) as server, DNSServer({"two.example": addresses("127.0.0.1", "::1")}) as dns:
        network = NetworkOptions(nameservers=(f"127.0.0.1:{dns.port}",))
        target = f"two.example:{server.port}"
        assert (await probe("tcp", target, network=network)).reason is Reason.CONNECT
        result = await probe("tcp", target, network=network, addresses="any")
        assert result.ok, result.message
        assert result.facts["address"] == "127.0.0.1"
        assert (await probe("tcp", target, network=network, addresses="all")).reason is Reason.CONNECT


async def test_all_addresses_hold_the_whole_dialogue() -> None:
    async with Torture(echo) as first, Torture(echo, address="127.0.0.2", port=first.port) as second:
        async with DNSServer({"two.example": addresses("127.0.0.1", "127.0.0.2")}) as dns:
            network = NetworkOptions(nameservers=(f"127.0.0.1:{dns.port}",))
            step = Step(expect="^220", send="quit")
            result = await probe(
                "tcp", f"two.example:{first.port}", network=network, addresses="all", query_response=(step,)
            )
        assert result.ok, result.message
        assert (first.connections, second.connections) == (1, 1)


async def test_an_address_that_swallows_packets_leaves_time_for_the_next() -> None:
    with unanswering_port() as port:
        zone = {"two.example": addresses("127.0.0.1", "127.0.0.2")}
        async with Torture(echo, address="127.0.0.2", port=port), DNSServer(zone) as dns:
            network = NetworkOptions(nameservers=(f"127.0.0.1:{dns.port}",))
            result = await probe("tcp", f"two.example:{port}", network=network, addresses="any", within=1.0)
    assert result.ok, result.message
    assert result.facts["address"] == "127.0.0.2"


async def test_the_source_address_is_what_the_server_sees() -> None:
    seen = []

    async def behaviour(client: Conversation) -> None:
        seen.append(client.writer.get_extra_info("peername")[0])
        await client.send(b"hello\n")

    assert (await talk(behaviour, Step(expect="hello"), source_ip_address="127.7.7.7")).ok
    assert seen == ["127.7.7.7"]
    assert (await talk(behaviour, source_ip_address="198.51.100.1")).reason is Reason.INTERNAL


@pytest.mark.parametrize("target", ["example.org", "example.org:", ":80", "::1:80", "a b:1", "a:70000", "http://a:1"])
def test_a_target_without_host_and_port_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(target))):
        tcp.check_target(target)


@pytest.mark.parametrize("target", ["example.org:25", "[::1]:443", "127.0.0.1:1", "xn--bcher-kva.example:65535"])
def test_a_target_with_host_and_port_is_accepted(target: str) -> None:
    tcp.check_target(target)


DIALOGUES: dict[str, tuple[dict[str, Any], ...]] = {
    "connect": (),
    "greeting": ({"expect": "^220 (\\w+) (.*)$", "send": "hi ${2}"}, {"expect": "^you said hi ready$"}),
    "literal": ({"expect": "^(220)"}, {"send": "$1 ${1}"}, {"expect": "^you said [$]1 [$]{1}$"}),
    "escaped": (
        {"expect": "^(?P<code>220)", "send": "$$ $code $0x ${2}."},
        {"expect": "^you said [$] 220  [.]$"},
    ),
    "empty send": ({"expect": "^220", "send": ""}, {"send": "x"}, {"expect": "^you said x$"}),
    "empty expect": ({"expect": ""}, {"send": "x"}, {"expect": "^you said x$"}),
    "binary": ({"expect": "^220 ...", "send": "\u00ff\u00fe"}, {"expect": "^you said ..$"}),
    "closes": ({"send": "quit"}, {"expect": "^never"}),
    "silent": ({"expect": "^never"},),
}
MODULES: dict[str, dict[str, Any]] = {
    "only IPv4": {"preferred_ip_protocol": "ip4", "ip_protocol_fallback": False},
    "only IPv6": {"ip_protocol_fallback": False},
} | {name: {"query_response": list(steps)} for name, steps in DIALOGUES.items()}


def options_of(module: dict[str, Any]) -> tcp.Options:
    steps = tuple(
        Step(**{**step, "labels": tuple(Label(**label) for label in step.get("labels", ()))})
        for step in module.get("query_response", ())
    )
    return tcp.Options(**{**module, "query_response": steps})


def fields(options: tcp.Options) -> dict[str, Any]:
    return {name: getattr(options, name) for name in options.__dataclass_fields__}


async def test_the_same_module_gives_what_blackbox_exporter_gives(tmp_path: Path) -> None:
    modules = {name: {"prober": "tcp", "timeout": "1s", "tcp": module} for name, module in MODULES.items()}
    async with blackbox(tmp_path, modules) as theirs, Torture(echo) as server, Torture(says_no_more) as closing:
        dead = free_port()
        for name, module in MODULES.items():
            for port in (server.port, closing.port, dead):
                target = f"127.0.0.1:{port}"
                options = options_of(module)
                result = await probe("tcp", target, within=1.0, **fields(options))
                expected = await theirs(name, target)
                try:
                    assert_same("tcp", expected, result, options)
                except AssertionError as error:
                    error.add_note(f"module {name}, target {target}: {result.message}")
                    raise


async def test_certificates_are_told_as_blackbox_exporter_tells_them(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    leaf = authority.leaf("localhost", "other.example", "127.0.0.1", chain=True)
    config = {"ca_file": str(authority.file)}
    talk = ({"expect": "^220", "send": "STARTTLS"}, {"expect": "^220", "starttls": True})
    blocks: dict[str, dict[str, Any]] = {
        "tls": {"tls": True, "tls_config": config, "preferred_ip_protocol": "ip4"},
        "starttls": {"tls_config": config, "query_response": list(talk), "preferred_ip_protocol": "ip4"},
    }
    modules = {name: {"prober": "tcp", "timeout": "2s", "tcp": block} for name, block in blocks.items()}
    async with (
        blackbox(tmp_path, modules) as theirs,
        Torture(echo, tls=leaf.server_context()) as tls,
        Torture(smtp(leaf.server_context())) as mail,
    ):
        for name, server in (("tls", tls), ("starttls", mail)):
            target = f"localhost:{server.port}"
            options = options_of({**blocks[name], "tls_config": tcp.TLSConfig(**config)})
            result = await probe("tcp", target, **fields(options))
            assert result.ok, result.message
            assert_same("tcp", await theirs(name, target), result, options)
