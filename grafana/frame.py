"""What all dashboards share: variables, annotations, links to one another, and sections of panels with fixed ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from grafana.panels import SOURCE

EXPORTER = "http://localhost:19720"
"""Where people reach the exporter's pages, unless the dashboard's variable says otherwise."""

RUNBOOKS = "https://github.com/outage-exporter/outage-exporter/blob/main/alerts/runbooks"
"""Where the alerts' own links lead, too."""

TAG = "outage-exporter"

SERVICE, ENDPOINT, HISTORY, STACK = "outage-service", "outage-endpoint", "outage-history", "outage-stack"
"""The dashboards' uids; alerts link to them."""

TITLES: Mapping[str, str] = {
    SERVICE: "Is it down?",
    ENDPOINT: "Endpoint and region",
    HISTORY: "Outages",
    STACK: "Exporter and stack",
}

_COLUMNS = 24
"""Of Grafana's grid."""

_SECTION = 100
"""Ids of a section's panels begin at its number times this, so that a new panel leaves the other sections' alone."""


Panel = Builder[models.Panel]
"""Of any kind."""


def frame(uid: str, description: str, since: str, refresh: str) -> dashboard.Dashboard:
    """An empty dashboard that shows the time `since`, such as `now-6h`."""
    board = dashboard.Dashboard(TITLES[uid]).uid(uid).description(description).tags([TAG]).readonly()
    board.time(since, "now").refresh(refresh).timezone("browser").tooltip(models.DashboardCursorSync.CROSSHAIR)
    board.timepicker(dashboard.TimePicker().refresh_intervals(["15s", "30s", "1m", "5m", "15m", "1h"]))
    board.with_variable(_datasource())
    for other, title in TITLES.items():
        if other != uid:
            board.link(_link(title, f"/d/{other}"))
    return board


def fill(board: dashboard.Dashboard, *sections: tuple[str, Iterable[Panel]]) -> None:
    """Put sections below one another: a row with a title, and under it panels of some width and height."""
    bottom = 0
    for number, (title, panels) in enumerate(sections, 1):
        place = models.GridPos(h=1, w=_COLUMNS, x=0, y=bottom)
        board.with_row(dashboard.Row(title).id(number * _SECTION).grid_pos(place))
        tops = [bottom + 1] * _COLUMNS
        for count, panel in enumerate(panels, 1):
            board.with_panel(_Placed(panel, number * _SECTION + count, tops))
        bottom = max(tops)


def choice(name: str, label: str, query: str, default: str = "") -> dashboard.QueryVariable:
    """One value of those that the query finds."""
    variable = _query(name, label, query)
    return variable.current(models.VariableOption(selected=True, text=default, value=default)) if default else variable


def choices(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """Any number of the values that the query finds; all at first. All is `.*`, so that it never ends too long."""
    everything = models.VariableOption(selected=True, text=["All"], value=["$__all"])
    return _query(name, label, query).multi(True).include_all(True).all_value(".*").current(everything)


def hidden(name: str, query: str) -> dashboard.QueryVariable:
    """What only titles need."""
    return _query(name, name, query).hide(models.VariableHide.HIDE_VARIABLE)


def exporter() -> dashboard.TextBoxVariable:
    """The address that links to the exporter's own pages begin with."""
    variable = dashboard.TextBoxVariable("exporter").label("Exporter's address").default_value(EXPORTER)
    return variable.description("Where links to a probe's own log lead")


def annotation(name: str, expression: str, title: str, text: str, color: str) -> dashboard.AnnotationQuery:
    """A mark over the time in which the expression holds; `{{label}}` in title and text is a label's value."""
    made = dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(True).hide(False).icon_color(color)
    return made.expr(expression).title_format(title).text_format(text).step("60s")


def alerts(matchers: str) -> dashboard.AnnotationQuery:
    """The alerts that fire."""
    firing = f'ALERTS{{alertstate="firing", severity=~"critical|warning", {matchers}}}'
    return annotation("Alerts", firing, "{{alertname}}", "{{severity}} {{service}} {{feature}} {{region}}", "red")


def evidence(matchers: str, scope: str) -> Sequence[Builder[models.AnnotationQuery]]:
    """Incidents by the verdict, and what officials and upstreams had open."""
    verdict = f'max by (service, verdict) (outage_verdict{{{matchers}, verdict!~"up|unknown"}}) == 1'
    statement = f"max by (source, scope) (outage_statement{{{scope}}}) == 1"
    upstream = f"max by (provider, location) (outage_upstream_incident{{{matchers}}}) == 1"
    return [
        annotation("Incidents", verdict, "{{service}} is {{verdict}}", "The verdict of the exporter", "orange"),
        annotation("Statements", statement, "{{source}} speaks", "An official statement is open", "blue"),
        annotation("Upstreams", upstream, "{{provider}} {{location}}", "An upstream has an incident open", "purple"),
    ]


class _Placed(Builder[models.Panel]):
    """A panel as high up as it fits below `tops`, the free height of each of the grid's columns; it raises them."""

    def __init__(self, panel: Panel, number: int, tops: list[int]) -> None:
        self._panel = panel
        self._number = number
        self._tops = tops

    def build(self) -> models.Panel:
        panel = self._panel.build()
        assert panel.grid_pos is not None, panel.title
        width, height = panel.grid_pos.w, panel.grid_pos.h
        y, x = min((max(self._tops[x : x + width]), x) for x in range(_COLUMNS - width + 1))
        self._tops[x : x + width] = [y + height] * width
        panel.grid_pos = models.GridPos(h=height, w=width, x=x, y=y)
        panel.id_val = self._number
        return panel


def _datasource() -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _query(name: str, label: str, query: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(label).datasource(SOURCE).sort(models.VariableSort.ALPHABETICAL_ASC)
    asked: dict[str, object] = {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"}
    # The names of what was down a week ago must be there, too.
    return variable.query(asked).definition(query).refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)


def _link(title: str, url: str) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(title).type(models.DashboardLinkType.LINK).url(url).icon("dashboard")
    return link.keep_time(True).include_vars(True)
