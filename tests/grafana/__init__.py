"""The dashboards, asked of a real Prometheus that holds a replayed outage and what a live stack says.

`python -m tests.grafana` draws the pictures and writes the table that `grafana/` has.
"""
