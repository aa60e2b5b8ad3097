"""outage-exporter: is it down? A Prometheus exporter that answers per feature and region, with reasons."""

__version__ = "0.1.0"

USER_AGENT = f"outage-exporter/{__version__} (+https://github.com/outage-exporter/outage-exporter)"
"""How every request of this program names itself."""
