"""What a configuration may say, and how it is told what is wrong with it.

Every file in `config/` breaks one rule; the mistakes that it must be told stand at its end.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from exporter import config, kinds, model
from exporter.errors import ConfigError

BROKEN = sorted((Path(__file__).parent / "config").glob("*.yaml"))
COMPLETE = """
regions:
  here: {kind: local}
controls:
  gstatic: {url: "http://connectivitycheck.gstatic.com/generate_204"}
services:
  tiktok:
    features:
      feed:
        core: true
        endpoints:
          homepage: {url: "https://www.tiktok.com/"}
"""


SHIPPED_ALTERNATIVES = ("youtube_shorts", "instagram_reels", "snapchat_spotlight")


def written(folder: Path, text: str, name: str = "outage.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> model.Config:
    return config.load([written(folder, text)], environment or {})


def mistakes(*paths: Path) -> list[str]:
    """What is wrong, without the folder of the files."""
    with pytest.raises(ConfigError) as caught:
        config.load(paths, {})
    return [str(mistake).replace(f"{paths[0].parent}/", "") for mistake in caught.value.mistakes]


def endpoints(loaded: model.Config) -> dict[str, model.Endpoint]:
    return {
        endpoint.name: endpoint
        for service in loaded.services
        for feature in service.features
        for endpoint in feature.endpoints
    }


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_rule_is_told_in_these_words(path: Path) -> None:
    expected = [line.removeprefix("# mistake: ") for line in path.read_text().splitlines() if "# mistake: " in line]
    assert expected
    told = [line.removeprefix(f"{path.name}:").strip() for line in mistakes(path)]
    assert told == expected


def test_an_error_lists_all_mistakes_and_says_that_nothing_was_applied(tmp_path: Path) -> None:
    path = written(tmp_path, COMPLETE.replace("kind: local", "kind: locall").replace("url:", "ulr:"))
    with pytest.raises(ConfigError) as caught:
        config.load([path], {})
    homepage = "services.tiktok.features.feed.endpoints.homepage"
    kinds_of_region = "edge, globalping, local, proxy, remote"
    assert str(caught.value).splitlines() == [
        f"{path}:3: regions.here.kind: 'locall' is not a kind of region ({kinds_of_region}); did you mean local?",
        f"{path}:5: controls.gstatic.ulr: unknown key; did you mean url?",
        f"{path}:5: controls.gstatic.url: missing key; write a url, or a kind and a target",
        f"{path}:12: {homepage}.ulr: unknown key; did you mean url?",
        f"{path}:12: {homepage}.url: missing key; write a url, or a kind and a target",
        "5 mistakes; nothing was applied.",
    ]


def test_the_shipped_configuration_loads_without_any_environment() -> None:
    loaded = config.load([config.shipped()], {})
    assert [service.name for service in loaded.services] == ["tiktok", *SHIPPED_ALTERNATIVES]
    assert loaded.services[0].alternatives == SHIPPED_ALTERNATIVES
    assert loaded.alternatives == set(SHIPPED_ALTERNATIVES)
    assert len(loaded.controls) == 3
    assert [region.name for region in loaded.regions] == ["here", "us", "br", "gb", "de", "za", "jp", "id", "au"]


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    loaded = load(tmp_path, COMPLETE)
    [service] = loaded.services
    assert service.title == "tiktok"
    assert (service.alternatives, service.objective) == ((), 0.995)
    homepage = endpoints(loaded)["homepage"]
    assert (homepage.kind, homepage.interval, homepage.timeout, homepage.degraded_above) == ("http", 60.0, 10.0, None)
    assert homepage.options == kinds.module("probes", "http").Options()
    assert loaded.histograms is True
    assert loaded.network == model.NetworkOptions()


def test_an_endpoint_wins_over_its_service_and_the_service_over_the_defaults(tmp_path: Path) -> None:
    text = "defaults: {interval: 2m, timeout: 20s, degraded_above: 5s, histograms: false}\n" + COMPLETE
    text += """          quick: {url: "https://www.tiktok.com/q", interval: 15s, degraded_above: 500ms}
    interval: 30s
"""
    loaded = load(tmp_path, text.replace("interval: 15s", "interval: 15s, timeout: 3s"))
    homepage, quick = endpoints(loaded)["homepage"], endpoints(loaded)["quick"]
    assert (homepage.interval, homepage.timeout, homepage.degraded_above) == (30.0, 20.0, 5.0)
    assert (quick.interval, quick.timeout, quick.degraded_above) == (15.0, 3.0, 0.5)
    assert (loaded.controls[0].interval, loaded.controls[0].timeout) == (120.0, 20.0)
    assert loaded.histograms is False


def test_a_timeout_that_every_endpoint_shortens_is_no_mistake(tmp_path: Path) -> None:
    text = COMPLETE.replace('tiktok.com/"', 'tiktok.com/", timeout: 2s') + "    interval: 5s\n"
    assert endpoints(load(tmp_path, text))["homepage"].timeout == 2.0


def test_endpoints_run_in_the_regions_they_name_and_controls_in_all(tmp_path: Path) -> None:
    text = COMPLETE.replace(
        "here: {kind: local}",
        "here: {kind: local, location: {lat: 53.3, lon: -6.3}}\n"
        '  eu: {kind: proxy, url: "socks5h://proxy.example:1080"}\n  us: {kind: local}',
    )
    text += """          ping: {kind: icmp, target: www.tiktok.com, regions: [here, us, here]}
      video:
        regions: [eu]
        endpoints:
          oembed: {url: "https://www.tiktok.com/oembed"}
          cdn: {kind: tcp, target: "cdn.example:443", regions: [us]}
"""
    loaded = load(tmp_path, text)
    where: dict[str, list[str]] = {}
    for pair in loaded.pairs:
        where.setdefault(f"{pair.endpoint.service}/{pair.endpoint.name}", []).append(pair.region.name)
    assert where == {
        "tiktok/homepage": ["here", "eu", "us"],
        "tiktok/ping": ["here", "us"],
        "tiktok/oembed": ["eu"],
        "tiktok/cdn": ["us"],
        "controls/gstatic": ["here", "eu", "us"],
    }
    assert loaded.controls[0].feature == "internet"
    assert loaded.regions[0].location == model.Location(53.3, -6.3)
    assert type(loaded.regions[1].options) is kinds.module("regions", "proxy").Options


def test_a_feature_is_core_only_when_it_says_so(tmp_path: Path) -> None:
    text = COMPLETE + '      ads:\n        endpoints:\n          ads: {url: "https://ads.tiktok.com/"}\n'
    assert [feature.core for feature in load(tmp_path, text).services[0].features] == [True, False]


def test_alternatives_may_stand_in_another_file_and_each_service_has_its_objective(tmp_path: Path) -> None:
    tiktok = COMPLETE + "    alternatives: [youtube]\n    objective: 0.999\n"
    youtube = "services:" + COMPLETE.partition("services:")[2].replace("tiktok:", "youtube:")
    loaded = config.load([written(tmp_path, youtube, "a.yaml"), written(tmp_path, tiktok, "b.yaml")], {})
    assert {service.name: service.alternatives for service in loaded.services} == {
        "youtube": (),
        "tiktok": ("youtube",),
    }
    assert {service.name: service.objective for service in loaded.services} == {"youtube": 0.995, "tiktok": 0.999}
    assert loaded.alternatives == {"youtube"}


def test_network_options_reach_the_configuration(tmp_path: Path) -> None:
    written(tmp_path, "certificates", "ca.pem")
    network = "network: {nameservers: [192.0.2.53, '[2001:db8::53]:5353'], ca_file: ca.pem, deny: [10.0.0.0/8]}\n"
    assert load(tmp_path, network + COMPLETE).network == model.NetworkOptions(
        ("192.0.2.53", "[2001:db8::53]:5353"), str(tmp_path / "ca.pem"), (), ("10.0.0.0/8",)
    )


def test_files_and_folders_merge_by_section(tmp_path: Path) -> None:
    regions, _, services = COMPLETE.partition("services:")
    (tmp_path / "conf.d").mkdir()
    written(tmp_path / "conf.d", "services:" + services, "20-tiktok.yml")
    written(tmp_path / "conf.d", "services:" + services.replace("tiktok:", "youtube:"), "10-youtube.yaml")
    written(tmp_path / "conf.d", "not: read", "notes.txt")
    written(tmp_path / "conf.d", "not: read", ".hidden.yaml")
    first = written(tmp_path, "defaults: {interval: 2m}\n" + regions)
    second = written(tmp_path, "defaults: {timeout: 7s}\n", "more.yaml")
    loaded = config.load([first, tmp_path / "conf.d", second], {})
    assert [service.name for service in loaded.services] == ["youtube", "tiktok"]
    assert (loaded.controls[0].interval, loaded.controls[0].timeout) == (120.0, 7.0)


def test_a_relative_path_starts_at_the_file_that_says_it(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    written(tmp_path / "inner", "secret", "password.txt")
    written(tmp_path / "inner", "certificates", "ca.pem")
    proxy = 'proxy: {kind: proxy, url: "http://p.example:1", username: me, password_file: password.txt}'
    inner = written(tmp_path / "inner", f"network: {{ca_file: ca.pem}}\nregions:\n  {proxy}\n")
    outer = written(tmp_path, "network: {deny: [10.0.0.0/8]}\n" + COMPLETE, "z.yaml")
    loaded = config.load([outer, inner], {})
    assert loaded.network.ca_file == str(tmp_path / "inner" / "ca.pem")
    assert loaded.regions[1].options.password_file == str(tmp_path / "inner" / "password.txt")


def test_what_two_files_define_names_both_places(tmp_path: Path) -> None:
    first = written(tmp_path, "defaults: {interval: 2m}\n" + COMPLETE, "a.yaml")
    second = written(tmp_path, "services:\n  tiktok: {features: {}}\ndefaults: {interval: 3m}\n", "b.yaml")
    assert mistakes(first, second) == [
        "b.yaml:2: services.tiktok: defined twice; first at a.yaml:8",
        "b.yaml:3: defaults.interval: defined twice; first at a.yaml:1",
    ]


def test_mistakes_come_in_the_order_of_the_files_and_lines(tmp_path: Path) -> None:
    first = written(tmp_path, COMPLETE.replace("core: true", "core: true\n        cor: 1"), "z.yaml")
    second = written(tmp_path, "network: {deny: [x]}\ndefaults: {interval: x}\n", "a.yaml")
    assert [line.split(": ")[0] for line in mistakes(first, second)] == [
        "z.yaml:11",
        "a.yaml:1",
        "a.yaml:2",
    ]


def test_anchors_aliases_and_merge_keys_work(tmp_path: Path) -> None:
    text = COMPLETE.replace(
        'homepage: {url: "https://www.tiktok.com/"}',
        """homepage: &page
            url: "https://www.tiktok.com/"
            interval: 90s
            http: &http {method: HEAD, valid_status_codes: [200]}
          other:
            <<: [*page, {degraded_above: 2s, interval: 40s}]
            url: "https://www.tiktok.com/other"
            http: {<<: *http, method: GET}""",
    )
    other = endpoints(load(tmp_path, text))["other"]
    assert (other.target, other.interval, other.degraded_above) == ("https://www.tiktok.com/other", 90.0, 2.0)
    assert (other.options.method, other.options.valid_status_codes) == ("GET", (range(200, 201),))


def test_a_mistake_behind_several_aliases_is_told_once_where_it_stands(tmp_path: Path) -> None:
    text = COMPLETE.replace('tiktok.com/"}', 'tiktok.com/", http: &http {metod: GET}}')
    path = written(tmp_path, text + '          b: {url: "https://b.example/", http: *http}\n')
    assert mistakes(path) == [
        "outage.yaml:12: services.tiktok.features.feed.endpoints.homepage.http.metod: unknown key; did you mean method?"
    ]


def test_names_and_words_are_not_booleans(tmp_path: Path) -> None:
    text = COMPLETE.replace("here:", "no:").replace('tiktok.com/"', 'tiktok.com/", regions: [no]')
    [region] = load(tmp_path, text).regions
    assert region.name == "no"


def test_variables_are_replaced_in_values_and_may_be_escaped(tmp_path: Path) -> None:
    text = COMPLETE.replace("www.tiktok.com", "${HOST}:${PORT}").replace("core: true", "core: ${CORE}")
    text = text.replace('/"}', "/\", http: {body: 'a $${HOST} of $5'}}")
    loaded = load(tmp_path, text, {"HOST": "www.example.org", "PORT": "8443", "CORE": "yes"})
    homepage = endpoints(loaded)["homepage"]
    assert homepage.target == "https://www.example.org:8443/"
    assert homepage.options.body == "a ${HOST} of $5"
    assert loaded.services[0].features[0].core is True


def test_a_group_of_a_pattern_is_no_variable(tmp_path: Path) -> None:
    steps = "query_response: [{expect: '^(.*) (.*)$', send: '${2} $${name}'}]"
    text = COMPLETE + f"          irc: {{kind: tcp, target: 'irc.example:6667', tcp: {{{steps}}}}}\n"
    assert endpoints(load(tmp_path, text))["irc"].options.query_response[0].send == "${2} ${name}"


def test_a_variable_cannot_bring_keys_of_its_own(tmp_path: Path) -> None:
    title = 'x"\nregions: {evil: {kind: local}}'
    loaded = load(tmp_path, COMPLETE.replace("  tiktok:", "  tiktok:\n    title: ${TITLE}"), {"TITLE": title})
    assert loaded.services[0].title == title
    assert len(loaded.regions) == 1


def test_a_missing_file_an_empty_folder_and_a_folder_of_that_name_are_mistakes(tmp_path: Path) -> None:
    (tmp_path / "conf.d" / "folder.yaml").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    assert mistakes(tmp_path / "missing.yaml", tmp_path / "empty", tmp_path / "conf.d") == [
        "empty: a folder without a *.yaml or *.yml file",
        "missing.yaml: cannot read: No such file or directory",
        "conf.d/folder.yaml: cannot read: Is a directory",
    ]


def test_a_binary_file_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "outage.yaml"
    path.write_bytes(b"regions:\n  \x89PNG\r\n\x1a\n\x00")
    assert mistakes(path) == ["outage.yaml:2: not a text in UTF-8"]
    path.write_bytes(b"regions:\n  here: \x00\n")
    assert mistakes(path) == ["outage.yaml:2: not valid YAML: control characters are not allowed"]


def test_a_file_of_a_hundred_megabytes_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "outage.yaml"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    assert mistakes(path) == ["outage.yaml: larger than 16 MB; split it into several files"]


def test_no_file_at_all_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="no configuration file"):
        config.load([], {})


def test_ten_thousand_endpoints_load_in_seconds(tmp_path: Path) -> None:
    more = "".join(
        f'          e{index}: {{url: "https://h{index}.example/", http: {{valid_status_codes: [200-299, 404]}}}}\n'
        for index in range(10_000)
    )
    path = written(tmp_path, COMPLETE + more)
    before = time.process_time()
    assert len(config.load([path], {}).pairs) == 10_002
    assert time.process_time() - before < 6.0  # about 1.5 s on a quiet core


def test_a_worker_can_import_every_kind_without_yaml_and_pydantic() -> None:
    program = """
import sys
from exporter import kinds
for room in ("probes", "regions"):
    for kind in kinds.names(room):
        kinds.module(room, kind)
assert not {"yaml", "pydantic"} & set(sys.modules), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[1])


def test_an_empty_section_is_an_absent_one(tmp_path: Path) -> None:
    assert load(tmp_path, "network:\ndefaults: {}\n" + COMPLETE).network == model.NetworkOptions()


def test_a_section_that_is_wrong_in_one_file_is_not_called_missing_in_another(tmp_path: Path) -> None:
    services = written(tmp_path, "services:" + COMPLETE.partition("services:")[2], "a.yaml")
    regions = written(tmp_path, "regions: [here]\ncontrols: {a: {url: 'http://a.example/'}}\n", "b.yaml")
    assert mistakes(services, regions) == ["b.yaml:1: regions: must be a mapping, found a list"]
