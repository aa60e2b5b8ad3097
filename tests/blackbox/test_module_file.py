"""Module files as people have them: what blackbox_exporter takes is taken, what it refuses is refused.

Debian's program judges beside ours. Where we differ it is on purpose, and stands in a list with its reason.
"""

from __future__ import annotations

import dataclasses
import subprocess
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import config, kinds
from exporter.errors import ConfigError
from tests.probing import needs
from tests.servers.program import run_command

MODULES = Path(__file__).parent / "modules"
KNOWN = (MODULES / "http.yml", MODULES / "other.yml", Path("/etc/prometheus/blackbox.yml"))
NEWER = MODULES / "newer.yml"
FILES = ("body.json", "ca.pem", "client.key", "client.pem", "password")

OURS = frozenset({"addresses", "blocked", "fail_if_json_matches", "fail_if_json_not_matches"})
"""Keys that no blackbox_exporter has."""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that the modules name, in the folder where both programs run."""
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        (tmp_path / name).write_text("something")


def debian_takes(path: Path) -> bool:
    program = needs("prometheus-blackbox-exporter")
    done = subprocess.run(
        [program, "--config.check", f"--config.file={path}"], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0 or "error parsing config file" in done.stderr.lower(), done.stderr
    return done.returncode == 0


def we_take(path: Path) -> bool:
    try:
        config.load_modules(path)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("path", KNOWN, ids=lambda path: path.stem)
def test_what_blackbox_exporter_takes_is_taken(path: Path) -> None:
    if not path.exists():
        pytest.skip(f"{path} comes with Debian's package")
    assert debian_takes(path)
    loaded = config.load_modules(path)
    assert set(loaded) == set(yaml.safe_load(path.read_text())["modules"])


def test_a_file_that_is_not_there_takes_no_module_away(tmp_path: Path) -> None:
    path = tmp_path / "missing.yml"
    path.write_text(
        module("http", "{basic_auth: {username: a, password_file: missing}, tls_config: {ca_file: /no/ca}}")
    )
    assert debian_takes(path)
    loaded = config.load_modules(path)
    because = "and its probes fail until it can: No such file or directory"
    assert sorted(config.unreadable(loaded)) == [
        f"module m cannot read '/no/ca', {because}",
        f"module m cannot read '{tmp_path}/missing', {because}",
    ]
    (tmp_path / "missing").touch()
    assert len(list(config.unreadable(loaded))) == 1


def test_what_came_later_is_taken_too() -> None:
    loaded = config.load_modules(NEWER)
    for name, module in yaml.safe_load(NEWER.read_text())["modules"].items():
        alone = Path("alone.yml")
        alone.write_text(yaml.safe_dump({"modules": {name: module}}))
        assert not debian_takes(alone), f"{name} is nothing new"
        assert loaded[name].kind == module["prober"]


def test_every_key_is_in_these_files() -> None:
    """A prober's own keys in a module of its own, those of blocks that several have in any of them."""
    written = {kind: set[str]() for kind in kinds.names("probes")}
    for path in (*KNOWN[:2], NEWER):
        for module in yaml.safe_load(path.read_text())["modules"].values():
            written[module["prober"]] |= set(keys_in(module.get(module["prober"])))
    everywhere = set[str]().union(*written.values())
    for kind, found in written.items():
        options = kinds.module("probes", kind).Options
        assert {name for name in typing.get_type_hints(options) if name not in OURS} <= found, kind
        assert set(keys_of(options)) <= everywhere, kind


def keys_in(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for inner in value:
            yield from keys_in(inner)
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield str(key)
        yield from keys_in(inner)


def keys_of(shape: Any) -> Iterator[str]:
    """The keys of a block, and of the blocks in it."""
    for name, hint in typing.get_type_hints(shape).items():
        if name not in OURS:
            yield name
            for inner in blocks_in(hint):
                yield from keys_of(inner)


def blocks_in(hint: Any) -> Iterator[Any]:
    if dataclasses.is_dataclass(hint):
        yield hint
    for inner in typing.get_args(hint):
        yield from blocks_in(inner)


TARGETS = {
    "dns": "192.0.2.53:53",
    "grpc": "a.example:443",
    "http": "https://a.example/",
    "icmp": "a.example",
    "tcp": "a.example:25",
    "unix": "/run/a.sock",
    "websocket": "wss://a.example/",
}
NOT_OURS = "http_of_a_chart"  # keys without values are mistakes in a configuration of ours


@pytest.mark.parametrize("path", [*KNOWN[:2], NEWER], ids=lambda path: path.stem)
def test_a_block_means_the_same_in_what_is_scheduled(path: Path, tmp_path: Path) -> None:
    """The one difference: in a configuration of ours variables are replaced, so a plain ${ is written $${."""
    written = yaml.load(path.read_text().replace("${", "$${"), Loader=yaml.BaseLoader)["modules"]
    endpoints = {
        name: {
            "url" if module["prober"] == "http" else "target": TARGETS[module["prober"]],
            "kind": module["prober"],
            module["prober"]: module.get(module["prober"], {"query_name": "."} if module["prober"] == "dns" else {}),
        }
        for name, module in written.items()
        if name != NOT_OURS and "<<" not in module  # which this loader leaves alone
    }
    ours = {
        "regions": {"here": {"kind": "local"}},
        "controls": {"nobody": {"url": "http://a.example/"}},
        "services": {"all": {"features": {"all": {"core": True, "endpoints": endpoints}}}},
    }
    (tmp_path / "outage.yaml").write_text(yaml.safe_dump(ours))
    scheduled = config.load([tmp_path / "outage.yaml"], {}).services[0].features[0].endpoints
    modules = config.load_modules(path)
    assert len(scheduled) == len(endpoints) > 5
    for endpoint in scheduled:
        assert endpoint.options == modules[endpoint.name].options, endpoint.name


def module(prober: str, block: str) -> str:
    return f"modules:\n  m:\n    prober: {prober}\n    {prober}: {block}\n"


BOTH_REFUSE = [
    "",
    "# nothing",
    "- modules",
    "modules: []",
    "modules: http_2xx",
    "modules: {m: http}",
    "modules: {m: {prober: http}",
    "modules: {m: {prober: http}, m: {prober: http}}",
    "modules: {m: *nowhere}",
    "anchors: {}\nmodules: {m: {prober: http}}",
    "modules: {m: {prober: http, timout: 5s}}",
    "modules: {m: {prober: http, timeout: 5}}",
    "modules: {m: {prober: http, timeout: soon}}",
    "modules: {m: {prober: http, http: []}}",
    "modules: {m: {prober: http, dns: {query_type: A}}}",
    *(
        module("http", block)
        for block in (
            "{valid_staus_codes: [200]}",
            "{valid_status_codes: 200}",
            "{valid_status_codes: [ok]}",
            "{headers: [a]}",
            "{headers: {a: [b]}}",
            "{body: {a: b}}",
            "{body_size_limit: 10M}",
            "{body_size_limit: -1}",
            "{ip_protocol_fallback: maybe}",
            "{fail_if_body_matches_regexp: ['a(']}",
            "{fail_if_body_not_matches_regexp: a}",
            "{fail_if_body_not_matches_regexp: ['(?=a)']}",
            "{fail_if_body_not_matches_regexp: ['a{1001}']}",
            "{fail_if_header_matches: [{header: X}]}",
            "{fail_if_header_matches: [{regexp: a}]}",
            "{fail_if_header_not_matches: [{header: X, regexp: ''}]}",
            "{compression: gzip, headers: {accept-encoding: br}}",
            "{compression: gzip, headers: {Accept-Encoding: 'gzip;q=0.0'}}",
            "{basic_auth: {username: a, password: b, password_file: password}}",
            "{basic_auth: {username: a}, bearer_token: b}",
            "{basic_auth: {username: a}, authorization: {credentials: b}}",
            "{bearer_token: a, bearer_token_file: password}",
            "{bearer_token: a, authorization: {credentials: b}}",
            "{authorization: {type: Basic, credentials: a}}",
            "{authorization: {credentials: a, credentials_file: password}}",
            "{oauth2: {}}",
            "{oauth2: {client_id: a, client_secret: b}}",
            "{oauth2: {client_id: a, client_secret: b, client_secret_file: password, token_url: 'http://a/'}}",
            "{oauth2: {client_id: a, client_secret: b, token_url: 'http://a/'}, bearer_token: c}",
            "{proxy_url: '127.0.0.1:3128'}",
            "{proxy_connect_header: {a: [b]}}",
            "{tls_config: {min_version: TLS14}}",
            "{tls_config: {ca_files: ca.pem}}",
        )
    ),
    *(
        module("tcp", block)
        for block in ("{query_response: {}}", "{query_response: [{expect: 'a('}]}", "{tls: perhaps}")
    ),
    *(
        module("dns", block)
        for block in (
            "{}",
            "{query_name: ''}",
            "{query_name: a, query_type: AA}",
            "{query_name: a, query_class: XX}",
            "{query_name: a, validate_answer_rrs: {fail_if_matches: [a]}}",
        )
    ),
    *(module("icmp", block) for block in ("{ttl: 256}", "{ttl: -1}", "{payload_size: much}")),
    module("grpc", "{services: a}"),
]

WE_REFUSE = {
    "modules: {m: {timeout: 5s}}": "without a prober every /probe is answered with 400",
    "modules: {m: }": "as above",
    "modules: {m: {prober: htpp}}": "as above",
    "modules: {m: {prober: http, timeout: -5s}}": "a time below nothing is not kept there, without a word",
    "modules: {m: {prober: dns}}": "it asks for every record of the root there, which nobody means",
    "modules: {m: {prober: http}}\n---\nmodules: {n: {prober: http}}": "what follows is not read there, without a word",
    module("http", "{valid_status_codes: [0]}"): "no server answers so",
    module("http", "{valid_http_versions: [HTTP/2]}"): "no answer has that version: each probe fails",
    module("http", "{valid_http_versions: [HTTP/3.0]}"): "each probe fails; refused by 0.28 as well",
    module("http", "{preferred_ip_protocol: ipv6}"): "whatever is not ip6 means ip4 there, even this",
    module("http", "{method: GET IT}"): "each probe fails",
    module("http", "{headers: {a b: c}}"): "each probe fails",
    module("http", "{compression: zstd}"): "each probe fails",
    module("http", "{body: !!binary aGVsbG8=}"): "tags are not read",
    module("http", "{tls_config: {cert_file: client.pem}}"): "each probe fails; refused by 0.28 as well",
    module("http", "{proxy_url: 'proxy:3128'}"): "each probe fails",
    module("http", "{proxy_url: 'https://proxy:3128'}"): "TLS to a proxy is not spoken",
    module("dns", "{query_name: a..b}"): "each probe fails",
    module("dns", "{query_name: a, valid_rcodes: [NOTFOUND]}"): "each probe fails",
    module("dns", "{query_name: a, transport_protocol: sctp}"): "each probe fails",
    module("dns", "{query_name: a, dns_over_tls: true}"): "each probe fails",
    module("dns", "{query_name: a, validate_answer_rrs: {fail_if_matches_regexp: ['a(']}}"): "each probe fails",
    module("icmp", "{payload_size: 70000}"): "each probe fails",
    module("icmp", "{ttl: 0x10}"): "numbers are written in tens",
}
"""What only we refuse, and why."""

WE_TAKE = {
    "modules: {m: {prober: http, timeout: 1d}}": "durations of Prometheus are known",
    module("http", "{valid_status_codes: [200-299]}"): "ranges are ours",
    module("http", "{valid_status_codes: ['200']}"): "quotes do no harm",
    module("http", "{ip_protocol_fallback: 'true'}"): "as above",
    module("http", "{body_size_limit: 10}"): "bytes are known, and units in small letters",
    module("http", "{addresses: all, blocked: {status: [451]}}"): "keys of ours",
    module("http", r"{fail_if_body_matches_regexp: ['\C']}"): "RE2's library knows more than Go's",
    module("dns", "{query_name: a, query_type: a}"): "record types are known in small letters and by number",
}
"""What only we take, and why."""


@pytest.mark.parametrize("text", BOTH_REFUSE)
def test_what_blackbox_exporter_refuses_is_refused(text: str) -> None:
    path = Path("refused.yml")
    path.write_text(text)
    assert not debian_takes(path)
    assert not we_take(path)


@pytest.mark.parametrize("text", WE_REFUSE)
def test_what_only_we_refuse_has_a_reason(text: str) -> None:
    path = Path("refused.yml")
    path.write_text(text)
    assert debian_takes(path)
    assert not we_take(path)


@pytest.mark.parametrize("text", WE_TAKE)
def test_what_only_we_take_has_a_reason(text: str) -> None:
    path = Path("taken.yml")
    path.write_text(text)
    assert not debian_takes(path)
    assert we_take(path)


async def test_config_check_counts_the_modules_or_lists_what_is_wrong(tmp_path: Path) -> None:
    checked = await run_command("config", "check", "--blackbox.config", MODULES)
    assert (checked.status, checked.errors) == (0, "")
    count = sum(len(yaml.safe_load(path.read_text())["modules"]) for path in MODULES.glob("*.yml"))
    assert checked.output == f"No mistake; modules: {count}.\n"
    (tmp_path / "password").unlink()
    missing = await run_command("config", "check", "--blackbox.config", MODULES / "http.yml")
    assert missing.status == 0
    assert missing.errors.splitlines()[0].startswith("module http_basic_auth_by_file cannot read ")
    path = tmp_path / "wrong.yml"
    path.write_text("modules: {m: {prober: htpp}}")
    wrong = await run_command("config", "check", "--blackbox.config", path)
    assert (wrong.status, wrong.output) == (1, "")
    assert wrong.errors.startswith(f"{path}:1: modules.m.prober: 'htpp' is not a kind of prober ")
    assert wrong.errors.endswith("1 mistake; nothing was applied.\n")
