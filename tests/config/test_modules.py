"""A module file, taken as it is: what it may say, and how its writer is told what is wrong with it.

Every file in `modules/` breaks one rule; the mistakes that its writer must be told stand at its end.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import config, kinds
from exporter.errors import ConfigError
from exporter.model import Module

BROKEN = sorted((Path(__file__).parent / "modules").glob("*.yml"))


def written(folder: Path, text: str, name: str = "blackbox.yml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str) -> Mapping[str, Module]:
    return config.load_modules(written(folder, text))


def only(folder: Path, kind: str, block: str) -> Any:
    """The options of one module of this kind, whose block is this flow of YAML."""
    return load(folder, f"modules: {{m: {{prober: {kind}, {kind}: {block}}}}}")["m"].options


def mistakes(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.load_modules(path)
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_rule_is_told_in_these_words(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    expected = [line.removeprefix("# mistake: ") for line in path.read_text().splitlines() if "# mistake: " in line]
    assert expected
    told = mistakes(path)
    assert [line.removeprefix(f"{path}:").strip() for line in told] == expected
    assert "hunter" not in "".join(told)


def test_all_mistakes_are_told_at_once_in_their_order(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "modules:\n"
        "  a: {prober: htpp, timeout: 5}\n"
        "  b:\n"
        "    prober: http\n"
        "    http:\n"
        "      valid_staus_codes: [200]\n"
        "      body_size_limit: much\n"
        "  c: {prober: icmp, icmp: {ttl: 256}}\n",
    )
    lines = [line.removeprefix(f"{path}:").split(": ")[:2] for line in mistakes(path)]
    assert lines == [
        ["2", "modules.a.timeout"],
        ["2", "modules.a.prober"],
        ["6", "modules.b.http.valid_staus_codes"],
        ["7", "modules.b.http.body_size_limit"],
        ["8", "modules.c.icmp.ttl"],
    ]


@pytest.mark.parametrize("kind", [kind for kind in kinds.names("probes") if kind != "dns"])
@pytest.mark.parametrize("module", ["{{prober: {0}}}", "{{prober: {0}, {0}: }}", "{{prober: {0}, {0}: {{}}}}"])
def test_a_module_without_its_block_has_the_defaults(tmp_path: Path, kind: str, module: str) -> None:
    loaded = load(tmp_path, f"modules: {{m: {module.format(kind)}}}")["m"]
    assert (loaded.kind, loaded.timeout, loaded.options) == (kind, 0.0, kinds.module("probes", kind).Options())


def test_blocks_of_other_probers_are_allowed_and_change_nothing(tmp_path: Path) -> None:
    loaded = load(tmp_path, "modules: {m: {prober: icmp, http: {method: POST}, tcp: {tls: true}, icmp: {ttl: 5}}}")["m"]
    assert loaded.options == kinds.module("probes", "icmp").Options(ttl=5)


def test_a_file_without_modules_has_none(tmp_path: Path) -> None:
    assert load(tmp_path, "modules:\n") == load(tmp_path, "{}") == {}


def test_a_module_may_have_any_name(tmp_path: Path) -> None:
    loaded = load(
        tmp_path, "modules: {HTTP 2xx: {prober: http}, 1: {prober: tcp}, true: {prober: icmp}, '': {prober: icmp}}"
    )
    assert {name: module.kind for name, module in loaded.items()} == {
        "HTTP 2xx": "http",
        "1": "tcp",
        "true": "icmp",
        "": "icmp",
    }
    assert all(module.name == name for name, module in loaded.items())


def test_what_is_no_text_is_taken_as_it_was_written(tmp_path: Path) -> None:
    http = only(
        tmp_path,
        "http",
        "{body: 0123, headers: {A: 1.50, B: true, C: , D: ''}, fail_if_body_matches_regexp: [220, 1e3], "
        "basic_auth: {username: 1, password: 007}}",
    )
    assert http.body == "0123"
    assert http.headers == {"A": "1.50", "B": "true", "C": "", "D": ""}
    assert http.fail_if_body_matches_regexp == ("220", "1e3")
    assert (http.basic_auth.username, str(http.basic_auth.password)) == ("1", "007")
    assert only(tmp_path, "tcp", "{query_response: [{expect: 220, send: 1}]}").query_response[0].expect == "220"


@pytest.mark.parametrize(
    ("written", "meant"), [("yes", True), ("on", True), ("TRUE", True), ("no", False), ("Off", False)]
)
def test_a_flag_may_be_written_as_yaml_1_1_has_it(tmp_path: Path, written: str, meant: bool) -> None:
    assert only(tmp_path, "http", f"{{fail_if_ssl: {written}}}").fail_if_ssl is meant


def test_numbers_are_numbers_where_numbers_are_meant(tmp_path: Path) -> None:
    assert only(tmp_path, "icmp", "{ttl: 5, payload_size: 64}").payload_size == 64
    assert only(tmp_path, "http", "{valid_status_codes: [200, 301-308]}").valid_status_codes == (
        range(200, 201),
        range(301, 309),
    )
    assert only(tmp_path, "http", "{body_size_limit: 1.5MB}").body_size_limit == 3 << 19


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5.0), ("1m30s", 90.0), ("1.5s", 1.5), (".5s", 0.5), ("500us", 5e-4), ("", 0.0)]
)
def test_a_timeout_is_a_duration_of_go(tmp_path: Path, text: str, seconds: float) -> None:
    assert load(tmp_path, f"modules: {{m: {{prober: http, timeout: {text} }}}}")["m"].timeout == pytest.approx(seconds)


def test_a_key_without_a_value_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    silent = (
        "{method: , headers: , valid_status_codes: , preferred_ip_protocol: '', compression: '', body: , "
        "body_file: '', basic_auth: , oauth2: , proxy_url: '', tls_config: , body_size_limit: , fail_if_ssl: , "
        "http_headers: {A: }}"
    )
    assert only(tmp_path, "http", silent) == kinds.module("probes", "http").Options()


def test_an_empty_expectation_is_one(tmp_path: Path) -> None:
    steps = only(tmp_path, "tcp", "{query_response: [{expect: '', send: ''}, {expect: }]}").query_response
    assert [(step.expect, step.send) for step in steps] == [("", None), (None, None)]


def test_nothing_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "replaced")
    step = only(
        tmp_path, "tcp", "{query_response: [{expect: '^(.*)$', send: '${1} $1 ${NAME} $${NAME} ${'}]}"
    ).query_response[0]
    assert (step.expect, step.send) == ("^(.*)$", "${1} $1 ${NAME} $${NAME} ${")


def test_anchors_and_merges_are_followed(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        "modules:\n"
        "  a: &a {prober: http, timeout: 3s, http: &http {method: POST}}\n"
        "  b: *a\n"
        "  c: {<<: *a, timeout: 5s, http: {<<: *http, fail_if_ssl: true}}\n",
    )
    assert loaded["a"].options == loaded["b"].options
    assert (loaded["c"].timeout, loaded["c"].options.method, loaded["c"].options.fail_if_ssl) == (5.0, "POST", True)


def test_a_relative_path_starts_where_the_program_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    written(here, "wanted", "body.txt")
    monkeypatch.chdir(here)
    assert only(elsewhere, "http", "{body_file: body.txt}").body_file == str(here / "body.txt")


def test_the_files_of_a_folder_are_one(tmp_path: Path) -> None:
    written(tmp_path, "modules: {b: {prober: tcp}}", "1.yml")
    written(tmp_path, "modules: {a: {prober: http}}", "2.yaml")
    written(tmp_path, "not read", "notes.txt")
    written(tmp_path, "not read", ".hidden.yml")
    assert {name: module.kind for name, module in config.load_modules(tmp_path).items()} == {"a": "http", "b": "tcp"}


def test_a_module_of_two_files_is_told_with_both_places(tmp_path: Path) -> None:
    first = written(tmp_path, "modules:\n  m: {prober: http}\n  n: {prober: http}\n", "1.yml")
    second = written(tmp_path, "modules:\n\n  m: {prober: tcp}\n  o: {prober: tpc}\n", "2.yml")
    known = ", ".join(kinds.names("probes"))
    assert mistakes(tmp_path) == [
        f"{second}:3: modules.m: defined twice; first at {first}:2",
        f"{second}:4: modules.o.prober: 'tpc' is not a kind of prober ({known}); did you mean tcp?",
    ]


def test_a_folder_without_a_file_is_a_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path) == [f"{tmp_path}: a folder without a *.yaml or *.yml file"]
    assert mistakes(tmp_path / "nowhere") == [f"{tmp_path / 'nowhere'}: cannot read: No such file or directory"]


SECRETS = """
modules:
  m:
    prober: http
    timeout: 5s
    http:
      headers: {Authorization: hunter1, Cookie: 31415926, Accept: text/html}
      http_headers: {X-Key: {values: [plain], secrets: [hunter3]}}
      oauth2:
        client_id: me
        client_secret: hunter4
        token_url: https://id.example/token
        endpoint_params: {audience: hunter5}
        proxy_url: http://me:hunter6@proxy.example:3128/
      proxy_url: socks5h://me:hunter7@proxy.example:1080
      proxy_connect_header: {X-Proxy: [hunter8]}
      tls_config: {cert: public, key: hunter9}
      fail_if_ssl: no
      valid_status_codes: [200]
    tcp: {tls_config: {cert: public, key: hunter10}}
  n: {prober: http, http: {basic_auth: {username: me, password: 31415926}}}
  o: {prober: http, http: {authorization: {credentials: hunter12}}}
  p: {prober: http, http: {bearer_token: hunter13}}
  q: {prober: websocket, websocket: {headers: {Authorization: {values: [hunter14]}}}}
  r: {prober: grpc, grpc: {metadata: {authorization: [hunter15]}}}
"""


def test_a_module_is_shown_without_its_secrets(tmp_path: Path) -> None:
    modules = load(tmp_path, SECRETS)
    shown = "".join(module.shown for module in modules.values())
    assert "hunter" not in shown
    assert "31415926" not in shown
    assert shown.count("<secret>") == 15


def test_what_is_no_secret_is_shown_as_it_was_written(tmp_path: Path) -> None:
    text = "prober: http\ntimeout: 5s\nhttp:\n  valid_status_codes:\n  - 200\n  fail_if_ssl: true\n  body: ${NAME}\n"
    inside = "".join(f"    {line}\n" for line in text.splitlines())
    assert load(tmp_path, f"modules:\n  m:\n{inside}")["m"].shown == text
    shown = yaml.safe_load(load(tmp_path, SECRETS)["m"].shown)
    assert shown["http"]["oauth2"]["proxy_url"] == "http://<secret>@proxy.example:3128/"
    assert shown["http"]["headers"]["Accept"] == "text/html"


def test_reading_twice_is_reading_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, SECRETS)
    first, second = config.load_modules(path), config.load_modules(path)
    assert first == second
    assert pickle.loads(pickle.dumps(first)) == first


def test_five_hundred_modules_are_read_in_two_seconds(tmp_path: Path) -> None:
    module = (
        "{{prober: http, timeout: 5s, http: {{valid_status_codes: [200, 204], headers: {{Host: h{0}.example}}, "
        "fail_if_body_not_matches_regexp: ['v{0}'], fail_if_body_json_matches_cel: 'body.n == {0}', "
        "basic_auth: {{username: u{0}, password: p}}, tls_config: {{insecure_skip_verify: true}}}}}}"
    )
    path = written(tmp_path, "modules:\n" + "".join(f"  m{number}: {module.format(number)}\n" for number in range(500)))
    started = time.process_time()
    assert len(config.load_modules(path)) == 500
    assert time.process_time() - started < 2.0
