"""outage-exporter: is it down? A Prometheus exporter that answers per feature and region, with reasons."""

__version__ = "0.1.0"
