"""Grafana's dashboards: built here, committed as JSON, and looked at without a Grafana.

`python -m grafana.build` writes `dashboards/`; `python -m grafana.preview` draws them from any Prometheus.
"""
