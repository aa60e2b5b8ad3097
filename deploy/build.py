"""What containers and Kubernetes are given, built from what ships; commit the result.

    python -m deploy.build

A test builds it again and finds no difference, so that a port, a rule or a route is written once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.local.derived import SHIPPED_PROMETHEUS, write_alertmanager
from deploy.local.programs import PROGRAMS, ROOT, Local

RULES = ROOT / "alerts" / "rules"
COMPOSE = ROOT / "deploy" / "compose"
OPERATOR = ROOT / "deploy" / "kubernetes" / "components" / "prometheus-operator"

_WIDTH = 120


def build() -> Mapping[Path, str]:
    """Every file that is built, with its content."""
    return {
        COMPOSE / "prometheus.yml": _prometheus(),
        COMPOSE / "alertmanager.yml": _alertmanager(),
        OPERATOR / "rules.yaml": _prometheus_rules(),
    }


def _prometheus() -> str:
    """That of one machine, where each program is known by its name and has its own address."""
    _, _, text = SHIPPED_PROMETHEUS.read_text(encoding="utf-8").partition("\n\n")  # without what its head says
    for program in PROGRAMS:
        text = text.replace(f"localhost:{program.port}", f"{program.name}:{program.port}")
    return _built_from(SHIPPED_PROMETHEUS) + text.replace("../../alerts/rules/", "rules/")


def _alertmanager() -> str:
    """All routes, and nobody who is told: as long as there is no secret, a notification could only fail."""
    with tempfile.TemporaryDirectory() as folder:
        local = Local(Path(folder), {})
        write_alertmanager(local)
        content = yaml.safe_load(local.alertmanager_config.read_text(encoding="utf-8"))
    content["templates"] = ["templates/*.tmpl"]
    return _built_from(ROOT / "alerts" / "alertmanager.yml") + _dump(content)


def _prometheus_rules() -> str:
    """One PrometheusRule a file of rules."""
    rules = [_prometheus_rule(path) for path in sorted(RULES.glob("*.yml"))]
    return _built_from(RULES) + "---\n".join(map(_dump, rules))


def _prometheus_rule(path: Path) -> dict[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": f"outage-{path.stem}"},
        "spec": yaml.safe_load(path.read_text(encoding="utf-8")),
    }


def _built_from(source: Path) -> str:
    return f"# Built by `python -m deploy.build` from {source.relative_to(ROOT)}: edit that.\n"


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as such, and no anchors: what is built is read, too."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def _dump(content: Any) -> str:
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True))


if __name__ == "__main__":
    for file, content in build().items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
        print(file.relative_to(ROOT))
