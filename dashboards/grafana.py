"""What generate.py builds dashboards of: queries, panels, and their places. It needs Python alone."""

SOURCE = {"type": "prometheus", "uid": "${datasource}"}

# What every query selects by, and what those about cores select by besides.
PROXY = 'job=~"$job",site=~"$site",instance=~"$instance"'
CORE = PROXY + ',core=~"$core"'

GREEN, YELLOW, RED = "green", "yellow", "red"


def total(metric, selector=PROXY, by=None):
    """The sum of a gauge, by these labels if any."""
    return f"sum{f' by ({by}) ' if by else ''}({metric}{{{selector}}})"


def rate(metric, selector=PROXY, by=None, window="$__rate_interval", function="rate"):
    """The sum of a counter's rate, by these labels if any."""
    return f"sum{f' by ({by}) ' if by else ''}({function}({metric}{{{selector}}}[{window}]))"


def quantile(q, metric, selector=PROXY, by=None):
    """A quantile of a histogram, over all proxies."""
    return f"histogram_quantile({q}, {rate(metric + '_bucket', selector, f'{by}, le' if by else 'le')})"


def shared(function, metric, selector=CORE, by="job, site, core"):
    """What every copy tells alike, because it stands in the shared database: not to be added up."""
    return f"{function} by ({by}) ({metric}{{{selector}}})"


# --- panels --------------------------------------------------------------------------------------------------------


def steps(*bounds):
    """Colours from these values on: steps((None, GREEN), (1, RED))."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in bounds]}


def target(expr, legend="", **more):
    return {"datasource": SOURCE, "expr": expr, "legendFormat": legend or "__auto", **more}


def panel(kind, title, width, targets, description, defaults, options):
    if isinstance(targets, str):
        targets = [target(targets)]
    for letter, each in zip("ABCDEFGH", targets):
        each["refId"] = letter
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "gridPos": {"w": width},
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
    }


def stat(title, width, expr, description, unit="short", colors=None, decimals=None):
    defaults = {"unit": unit, "thresholds": colors or steps((None, GREEN))}
    if decimals is not None:
        defaults["decimals"] = decimals
    reduce = {"values": False, "calcs": ["lastNotNull"], "fields": ""}
    options = {"reduceOptions": reduce, "colorMode": "value", "graphMode": "area", "textMode": "auto"}
    return panel("stat", title, width, expr, description, defaults, options)


def lines(title, width, targets, description, unit="short", stack=False, least=0, colors=None):
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 40 if stack else 5, "showPoints": "never"}
    if stack:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    if colors:
        custom["thresholdsStyle"] = {"mode": "line"}
    defaults = {"unit": unit, "custom": custom, "thresholds": colors or steps((None, GREEN))}
    if least is not None:
        defaults["min"] = least
    legend = {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"], "showLegend": True}
    options = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, width, targets, description, defaults, options)


def heatmap(title, width, expr, description):
    options = {
        "calculate": False,
        "yAxis": {"unit": "s", "axisPlacement": "left"},
        "rowsFrame": {"layout": "auto"},
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange"},
        "cellGap": 1,
        "filterValues": {"le": 1e-9},
        "tooltip": {"mode": "single", "yHistogram": True},
        "legend": {"show": True},
    }
    targets = [target(expr, "{{le}}", format="heatmap")]
    defaults = {"custom": {"scaleDistribution": {"type": "linear"}}}
    return panel("heatmap", title, width, targets, description, defaults, options)


def timeline(title, width, targets, description, states):
    """States over time; states is [(value, text, color)]."""
    mapping = {str(value): {"text": text, "color": color, "index": value} for value, text, color in states}
    defaults = {
        "mappings": [{"type": "value", "options": mapping}],
        "custom": {"fillOpacity": 70, "lineWidth": 0},
        "thresholds": steps((None, GREEN)),
    }
    legend = {"showLegend": True, "displayMode": "list", "placement": "bottom"}
    options = {"mergeValues": True, "showValue": "auto", "rowHeight": 0.8, "legend": legend}
    return panel("state-timeline", title, width, targets, description, defaults, options)


def table(title, width, expr, description, unit="short", rename=None):
    hidden = {"Time": True, "__name__": True}
    organize = {"id": "organize", "options": {"excludeByName": hidden, "renameByName": rename or {"Value": title}}}
    targets = [target(expr, format="table", instant=True, range=False)]
    defaults = {"unit": unit, "custom": {"filterable": True}}
    made = panel("table", title, width, targets, description, defaults, {"showHeader": True})
    return made | {"transformations": [organize]}


# --- a dashboard ---------------------------------------------------------------------------------------------------


def variable(name, label, query):
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 3,
        "multi": True,
        "includeAll": True,
        # Also matches series without the label: a site label comes from the scrape configuration, or from nowhere.
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def variables(with_core):
    made = [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1},
        variable("job", "job", "label_values(corecast_build_info, job)"),
        variable("site", "site", 'label_values(corecast_build_info{job=~"$job"}, site)'),
        variable("instance", "proxy", 'label_values(corecast_build_info{job=~"$job",site=~"$site"}, instance)'),
    ]
    if with_core:
        made.append(variable("core", "core", f"label_values(corecast_core_connections{{{PROXY}}}, core)"))
    return made


def annotation(name, color, expr, title, text):
    return {
        "name": name,
        "datasource": SOURCE,
        "enable": True,
        "iconColor": color,
        "expr": expr,
        "step": "1m",
        "titleFormat": title,
        "textFormat": text,
    }


LOADED = f"corecast_config_loaded_timestamp_seconds{{{PROXY}}}"

ANNOTATIONS = [
    annotation(
        "Cores go and come back",
        "orange",
        f'sum by (site, core) (changes(corecast_core_breaker_state{{{PROXY},state="pass"}}[1m])) > 0',
        "Core {{core}}",
        "Its breaker has changed",
    ),
    annotation(
        "Restarts",
        "blue",
        f"max by (site, instance) (resets(corecast_request_duration_seconds_count{{{PROXY}}}[1m])) > 0",
        "{{instance}}",
        "Restarted",
    ),
    annotation(
        "Versions",
        "purple",
        f"corecast_build_info{{{PROXY}}} unless corecast_build_info{{{PROXY}}} offset 1m",
        "{{instance}}",
        "Seen first, with version {{version}}",
    ),
    annotation(
        "Configuration",
        "green",
        f"{LOADED} unless {LOADED} == {LOADED} offset 1m",
        "{{instance}}",
        "Its configuration was read",
    ),
    annotation(
        "Files that are of no use",
        "red",
        f"sum by (site, instance, files) (changes(corecast_files_reload_failed{{{PROXY}}}[1m])) > 0",
        "{{instance}}",
        "{{files}}: changed files are of no use, or are of use again",
    ),
]

LINKS = [
    {
        "title": "Corecast",
        "type": "dashboards",
        "tags": ["corecast"],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "icon": "external link",
        "targetBlank": False,
        "tooltip": "",
    }
]


def placed(rows):
    """The panels with their places: rows one below the other, each as high as it says."""
    y, number, made = 0, 0, []
    for title, height, panels in rows:
        number += 1
        row = {"id": number, "type": "row", "title": title, "collapsed": False, "panels": []}
        made.append(row | {"gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})
        y, x = y + 1, 0
        for each in panels:
            number += 1
            width = each["gridPos"]["w"]
            if x + width > 24:
                x, y = 0, y + height
            made.append({"id": number} | each | {"gridPos": {"x": x, "y": y, "w": width, "h": height}})
            x += width
        y += height
    return made


def dashboard(name, title, description, rows, with_core=True):
    return {
        "uid": f"corecast-{name}",
        "title": f"Corecast / {title}",
        "description": description,
        "tags": ["corecast"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "links": LINKS,
        "templating": {"list": variables(with_core)},
        "annotations": {"list": ANNOTATIONS},
        "panels": placed(rows),
    }
