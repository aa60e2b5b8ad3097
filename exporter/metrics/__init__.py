"""The only room that writes exposition: the page of chunks, and the exporter's metrics about itself."""

from exporter.metrics.own import Own
from exporter.metrics.page import OPENMETRICS, TEXT, Page, wants_openmetrics

__all__ = ["OPENMETRICS", "TEXT", "Own", "Page", "wants_openmetrics"]
