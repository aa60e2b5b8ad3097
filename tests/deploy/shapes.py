"""What the Prometheus operator's CRDs demand of the fields that we use; any other key is a mistake.

Written from the operator's API reference (monitoring.coreos.com/v1, ServiceMonitor and PrometheusRule).
"""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_DURATION = {
    "type": "string",
    "minLength": 1,
    "pattern": r"^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$",
}
_LABELS = {"type": "object", "additionalProperties": _TEXT}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = required | (optional or {})
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1}


def _resource(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = _object({"name": _TEXT, "namespace": _TEXT}, {"labels": _LABELS, "annotations": _LABELS})
    head = {"apiVersion": {"const": "monitoring.coreos.com/v1"}, "kind": {"const": kind}}
    return _object(head | {"metadata": metadata, "spec": spec})


_RELABELING = _object(
    {"action": {"enum": ["replace", "keep", "drop", "hashmod", "labelmap", "labeldrop", "labelkeep"]}},
    {"regex": _TEXT, "replacement": _TEXT, "targetLabel": _TEXT, "separator": _TEXT, "sourceLabels": _list(_TEXT)},
)
_ENDPOINT = _object(
    {"port": _TEXT},
    {"interval": _DURATION, "path": _TEXT, "honorLabels": _FLAG, "relabelings": _list(_RELABELING)},
)
_ALERT = _object(
    {"alert": _TEXT, "expr": _TEXT},
    {"for": _DURATION, "keep_firing_for": _DURATION, "labels": _LABELS, "annotations": _LABELS},
)
_RECORD = _object({"record": _TEXT, "expr": _TEXT}, {"labels": _LABELS})
_GROUP = _object({"name": _TEXT, "rules": _list({"oneOf": [_ALERT, _RECORD]})}, {"interval": _DURATION})

OF_THE_OPERATOR = {
    "ServiceMonitor": _resource(
        "ServiceMonitor",
        _object({"selector": _object({"matchLabels": _LABELS}), "endpoints": _list(_ENDPOINT)}),
    ),
    "PrometheusRule": _resource("PrometheusRule", _object({"groups": _list(_GROUP)})),
}
"""JSON Schema by kind."""
