"""The configurations that ship, made fit for this machine: written to the data folder, never back.

Prometheus gets the ports that are in use and asks nobody who does not run. Alertmanager gets its secrets from the
data folder; a notification whose secret is not there is left out, and all routing stays as it ships.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.local.programs import PROGRAMS, ROOT, Local

SHIPPED_PROMETHEUS = ROOT / "deploy" / "local" / "prometheus.yml"

SECRETS = "/etc/alertmanager/secrets/"
"""Where the shipped file has its secrets."""

_NEEDED_BY = {"slack": "slack_configs", "smtp": "email_configs"}
"""Whose notifications need a secret that is set once for all: `global.slack_api_url_file`, ..."""


@dataclass(frozen=True, slots=True)
class Mute:
    """A receiver that tells nobody, because `secret` is not there."""

    receiver: str
    secret: Path


def write_prometheus(local: Local, running: Collection[str]) -> None:
    """Write the configuration that knows the programs `running`. OSError or ValueError when it cannot."""
    content = _read(SHIPPED_PROMETHEUS)
    content["rule_files"] = [
        str((SHIPPED_PROMETHEUS.parent / file).resolve()) for file in content.get("rule_files") or ()
    ]
    actual = {
        f"localhost:{program.port}": [f"localhost:{local.ports[program.name]}"] if program.name in running else []
        for program in PROGRAMS
    }
    _write(local.prometheus_config, _with_targets(content, actual), SHIPPED_PROMETHEUS)


def write_alertmanager(local: Local) -> list[Mute]:
    """Write the configuration with this machine's secrets; who stays mute. OSError or ValueError when it cannot."""
    shipped, folder = local.alertmanager_file, local.data / "secrets"
    content = _read(shipped)
    content["templates"] = [str(shipped.parent.resolve() / each) for each in content.get("templates") or ()]
    common = content.get("global") or {}
    lacking = {key: file for key, value in common.items() for file in _missing(value, folder)}
    content["global"] = {key: _with_secrets(value, folder) for key, value in common.items() if key not in lacking}
    needed = {_NEEDED_BY.get(key.partition("_")[0], ""): file for key, file in lacking.items()}
    receivers = [receiver for receiver in content.get("receivers") or () if isinstance(receiver, dict)]
    mutes = [mute for receiver in receivers for mute in _silence(receiver, folder, needed)]
    _write(local.alertmanager_config, content, shipped)
    return mutes


def _silence(receiver: dict[str, Any], folder: Path, needed: dict[str, Path]) -> Iterator[Mute]:
    """Take out of `receiver` what lacks a secret, and point the rest at its own."""
    for kind in [key for key in receiver if key.endswith("_configs")]:
        kept = []
        for notification in receiver[kind] or ():
            lacking = [*_missing(notification, folder), *([needed[kind]] if kind in needed else [])]
            if lacking:
                yield Mute(str(receiver.get("name")), lacking[0])
            else:
                kept.append(_with_secrets(notification, folder))
        receiver[kind] = kept


def _missing(value: Any, folder: Path) -> list[Path]:
    """The secrets in this part of the configuration that `folder` does not hold; an empty file is none."""
    if isinstance(value, dict):
        return [file for each in value.values() for file in _missing(each, folder)]
    if isinstance(value, list):
        return [file for each in value for file in _missing(each, folder)]
    file = _secret(value, folder)
    return [file] if file and not (file.is_file() and file.read_bytes().strip()) else []


def _with_secrets(value: Any, folder: Path) -> Any:
    if isinstance(value, dict):
        return {key: _with_secrets(each, folder) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_secrets(each, folder) for each in value]
    file = _secret(value, folder)
    return str(file.resolve()) if file else value


def _secret(value: Any, folder: Path) -> Path | None:
    named = isinstance(value, str) and value.startswith(SECRETS)
    return folder / value.removeprefix(SECRETS) if named else None


def _with_targets(value: Any, actual: dict[str, list[str]]) -> Any:
    """`value` with every target that `actual` knows replaced; the others are somebody else's, and stay."""
    if isinstance(value, dict):
        return {
            key: [new for old in each for new in actual.get(old, [old])]
            if key == "targets"
            else _with_targets(each, actual)
            for key, each in value.items()
        }
    return [_with_targets(each, actual) for each in value] if isinstance(value, list) else value


def _read(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"{file}:{line}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"{file}: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file}:1: must be a mapping of sections, such as route and receivers")
    return content


def _write(file: Path, content: dict[str, Any], source: Path) -> None:
    text = f"# Written at each start from {source}; edit that one.\n{yaml.safe_dump(content, sort_keys=False)}"
    file.write_text(text, encoding="utf-8")
