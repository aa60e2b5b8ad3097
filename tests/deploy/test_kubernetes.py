"""What kustomize makes of the overlays: valid by Kubernetes' own schemas, hardened, and leading to one another."""

from __future__ import annotations

import os
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from deploy.local.derived import SHIPPED_PROMETHEUS
from tests.deploy.commands import ROOT, run
from tests.deploy.shapes import OF_THE_OPERATOR

KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
VERSIONS = ("1.31", "1.37")
"""The oldest in which a StatefulSet may count from 1, and the newest."""

LARGEST_CONFIG_MAP = 1 << 20  # bytes

Resource = dict[str, Any]

each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


@cache
def built(overlay: str) -> tuple[Resource, ...]:
    return kustomize(KUBERNETES / "overlays" / overlay)


def kustomize(folder: Path) -> tuple[Resource, ...]:
    return tuple(yaml.safe_load_all(run("kubectl", "kustomize", folder)))


def of_kind(resources: tuple[Resource, ...], kind: str) -> list[Resource]:
    return [resource for resource in resources if resource["kind"] == kind]


def the(resources: tuple[Resource, ...], kind: str) -> Resource:
    """The only one of its kind."""
    (found,) = of_kind(resources, kind)
    return found


def pod_of(resources: tuple[Resource, ...]) -> Resource:
    pod: Resource = the(resources, "StatefulSet")["spec"]["template"]
    return pod


def container_of(resources: tuple[Resource, ...]) -> Resource:
    (container,) = pod_of(resources)["spec"]["containers"]
    return dict(container)


@pytest.fixture(name="own_overlay")
def _own_overlay(tmp_path: Path) -> Any:
    """Somebody's own folder beside ours: what kustomize makes of `content`."""

    def make(content: Resource, **files: str) -> tuple[Resource, ...]:
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        return kustomize(tmp_path)

    make.to = lambda name: os.path.relpath(KUBERNETES / name, tmp_path)  # type: ignore[attr-defined]
    return make


@pytest.mark.parametrize("version", VERSIONS)
@each_overlay
def test_kubernetes_takes_every_resource(overlay: str, version: str) -> None:
    for resource in built(overlay):
        if resource["kind"] not in OF_THE_OPERATOR:
            kubernetes_validate.validate(resource, version, strict=True)


def test_the_operator_takes_its_resources() -> None:
    found = [resource for resource in built("prometheus-operator") if resource["kind"] in OF_THE_OPERATOR]
    assert {resource["kind"] for resource in found} == OF_THE_OPERATOR.keys()
    for resource in found:
        jsonschema.validate(resource, OF_THE_OPERATOR[resource["kind"]])


@each_overlay
def test_everything_but_the_namespace_is_in_it(overlay: str) -> None:
    namespace = the(built(overlay), "Namespace")["metadata"]["name"]
    others = [resource for resource in built(overlay) if resource["kind"] != "Namespace"]
    assert {resource["metadata"].get("namespace") for resource in others} == {namespace}


@each_overlay
def test_the_exporter_has_no_privilege_and_no_token(overlay: str) -> None:
    """The `restricted` Pod Security Standard, which the namespace enforces, and a root that cannot be written."""
    pod, container = pod_of(built(overlay))["spec"], container_of(built(overlay))
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod.keys().isdisjoint({"hostNetwork", "hostPID", "hostIPC"})
    assert all(volume.keys() <= {"name", "emptyDir", "configMap"} for volume in pod["volumes"])


@each_overlay
def test_health_and_readiness_are_asked_where_the_exporter_answers(overlay: str) -> None:
    container = container_of(built(overlay))
    asked = {name: container[f"{name}Probe"]["httpGet"] for name in ("liveness", "readiness")}
    assert asked == {
        "liveness": {"path": "/-/healthy", "port": "http"},
        "readiness": {"path": "/-/ready", "port": "http"},
    }


@each_overlay
def test_a_probe_is_never_slowed_down_by_a_limit_of_the_processor(overlay: str) -> None:
    resources = container_of(built(overlay))["resources"]
    assert resources["limits"].keys() == {"memory"}
    assert resources["requests"].keys() == {"memory", "cpu"}


@each_overlay
def test_selectors_find_the_exporter_and_nothing_else(overlay: str) -> None:
    labels = pod_of(built(overlay))["metadata"]["labels"]
    selectors = [service["spec"]["selector"] for service in of_kind(built(overlay), "Service")]
    selectors += [
        the(built(overlay), kind)["spec"][key]["matchLabels"]
        for kind, key in (
            ("StatefulSet", "selector"),
            ("PodDisruptionBudget", "selector"),
            ("NetworkPolicy", "podSelector"),
        )
    ]
    for selector in selectors:
        assert selector
        assert selector.items() <= labels.items()


@each_overlay
def test_every_port_that_is_named_exists(overlay: str) -> None:
    named = {port["name"] for port in container_of(built(overlay))["ports"]}
    services = of_kind(built(overlay), "Service")
    rules = the(built(overlay), "NetworkPolicy")["spec"]["ingress"]
    assert {port["targetPort"] for service in services for port in service["spec"]["ports"]} == named
    assert {port["port"] for rule in rules for port in rule["ports"]} == named


@each_overlay
def test_a_drain_takes_one_exporter_at_a_time(overlay: str) -> None:
    assert the(built(overlay), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


@each_overlay
@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1", True),
        ("10.96.0.1", False),
        ("169.254.169.254", False),
        ("192.168.1.1", False),
        ("fd00:ec2::254", False),
    ],
)
def test_probes_reach_the_world_and_nothing_of_the_cluster(overlay: str, address: str, reached: bool) -> None:
    egress = the(built(overlay), "NetworkPolicy")["spec"]["egress"]
    blocks = [peer["ipBlock"] for rule in egress for peer in rule.get("to", ())]
    found = [block for block in blocks if ip_address(address) in ip_network(block["cidr"])]
    spared = [block for block in found if not any(ip_address(address) in ip_network(net) for net in block["except"])]
    assert bool(spared) is reached


def test_people_reach_their_pages_and_only_prometheus_the_rest() -> None:
    rules = the(built("single"), "NetworkPolicy")["spec"]["ingress"]
    assert {port["port"]: "from" in rule for rule in rules for port in rule["ports"]} == {"http": True, "public": False}


def test_each_shard_knows_its_number_and_how_many_there_are() -> None:
    shards = the(built("sharded"), "StatefulSet")["spec"]
    environment = {variable["name"]: variable for variable in container_of(built("sharded"))["env"]}
    assert shards["ordinals"]["start"] == 1
    assert environment["SHARDS"]["value"] == str(shards["replicas"])
    index = environment["SHARD"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert index == "metadata.labels['apps.kubernetes.io/pod-index']"
    assert container_of(built("sharded"))["args"][-1] == "--shard=$(SHARD)/$(SHARDS)"


def test_no_shard_shows_its_part_to_people_as_if_it_were_the_whole() -> None:
    assert [service["metadata"]["name"] for service in of_kind(built("sharded"), "Service")] == ["outage-exporter"]
    assert "public-address" not in " ".join(container_of(built("sharded"))["args"])


def test_the_operator_scrapes_as_prometheus_does_without_it() -> None:
    monitor = the(built("prometheus-operator"), "ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    shipped = yaml.safe_load(SHIPPED_PROMETHEUS.read_text(encoding="utf-8"))
    job = shipped["scrape_configs"][0]
    service = next(
        service
        for service in of_kind(built("prometheus-operator"), "Service")
        if endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    )
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert service["metadata"]["name"] == job["job_name"]  # which the operator makes the job's name
    assert endpoint["interval"] == shipped["global"]["scrape_interval"]
    assert endpoint["honorLabels"] is job["honor_labels"] is True


def test_dashboards_fit_into_their_config_maps_and_are_found_by_the_sidecar() -> None:
    maps = of_kind(built("prometheus-operator"), "ConfigMap")
    assert maps
    for each in maps:
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert sum(len(text.encode()) for text in each["data"].values()) < LARGEST_CONFIG_MAP


def test_what_the_operator_needs_can_be_added_to_shards(own_overlay: Any) -> None:
    resources = own_overlay(
        {
            "namespace": "outage",
            "resources": [own_overlay.to("overlays/sharded")],
            "components": [own_overlay.to("components/prometheus-operator")],
        }
    )
    assert the(resources, "StatefulSet") == the(built("sharded"), "StatefulSet")
    assert the(resources, "ServiceMonitor") == the(built("prometheus-operator"), "ServiceMonitor")


def test_an_ingress_leads_people_to_their_pages(own_overlay: Any) -> None:
    resources = own_overlay(
        {
            "namespace": "outage",
            "resources": [own_overlay.to("overlays/single")],
            "components": [own_overlay.to("components/ingress")],
        }
    )
    ingress = the(resources, "Ingress")
    kubernetes_validate.validate(ingress, VERSIONS[-1], strict=True)
    backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    services = {service["metadata"]["name"]: service for service in of_kind(resources, "Service")}
    assert backend["port"]["name"] in {port["name"] for port in services[backend["name"]]["spec"]["ports"]}
    assert {port["targetPort"] for port in services[backend["name"]]["spec"]["ports"]} == {"public"}


def test_a_configuration_of_ones_own_is_mounted_and_read(own_overlay: Any) -> None:
    resources = own_overlay(
        {
            "namespace": "outage",
            "resources": [own_overlay.to("overlays/single")],
            "components": [own_overlay.to("components/configuration")],
            "configMapGenerator": [{"name": "outage-exporter-configuration", "files": ["outage.yaml"]}],
        },
        outage="services: {}\n",
    )
    pod = pod_of(resources)["spec"]
    (mounted,) = [volume for volume in pod["volumes"] if "configMap" in volume]
    (mount,) = [each for each in pod["containers"][0]["volumeMounts"] if each["name"] == mounted["name"]]
    assert pod["containers"][0]["args"][-1] == f"--config.file={mount['mountPath']}"
    assert mounted["configMap"]["name"] == the(resources, "ConfigMap")["metadata"]["name"]
    kubernetes_validate.validate(the(resources, "StatefulSet"), VERSIONS[-1], strict=True)
