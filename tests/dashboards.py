#!/usr/bin/env python3
"""dashboards.py CORECAST: runs every query of every dashboard and every rule against a real Prometheus that scrapes a
real proxy with three cores: busy, refused, with a core gone for a while, and restarted. A query that fails or finds
nothing fails the test, and so does a metric of the proxy that no dashboard shows, or a runbook that is not there."""

import json
import re
import sys
import threading
import time
import urllib.error
import urllib.parse
from contextlib import contextmanager
from pathlib import Path

from lab import Lab, Talk, free_ports, get, until

ROOT = Path(__file__).parent.parent
DASHBOARDS = ROOT / "dashboards"

# Short, since Prometheus scrapes every second here; elsewhere Grafana makes it four scrapes.
WINDOWS = {"$__rate_interval": "5s", "$__range": "1m", "$__interval": "5s"}

SECRET = "a-token-of-this-laboratory"

# Functions that need nothing to be there, and answers of many kinds.
CONVERSATION = [
    ("CALLSTART", {"DEVICEID": "7001"}), ("BLACKOUTSTART", {"DEVICEID": "7001"}),
    ("BLACKOUTSTOP", {"DEVICEID": "7001"}), ("RECORDSTART", {"DEVICEID": "7001"}),
    ("RECORDSTOP", {"DEVICEID": "7001"}), ("CALLSTOP", {"DEVICEID": "7001"}),
    ("CALLSTART", {"DEVICEID": "6101"}), ("CALLSTOP", {"DEVICEID": "6101"}), ("CALLSTOP", {"DEVICEID": "6199"}),
    ("CHATSTART", {"SYS_USER": "ann", "SESSIONID": "s1"}), ("CHATSTOP", {"SYS_USER": "ann", "SESSIONID": "s1"}),
    ("SYSTEMSTATUS", {}), ("DEVICELIST", {}), ("CHANNELS", {}), ("TEST", {}), ("STATIONS", {}), ("CALLLIST", {}),
    ("EXPORT", {"UNIQUEFIELD": "DEVICEID", "UNIQUEID": "7001"}), ("ADDGROUP", {"GROUPNAME": "forbidden"}),
    ("NOSUCHTHING", {}),
]


class Load(Talk):
    """Clients that talk all the time, and take no answer for an answer too."""

    def __init__(self, port):
        self.talking = threading.Event()
        self.talking.set()
        super().__init__(port, count=2)

    def converse(self, client, _):
        for kind, parameters in CONVERSATION:
            client.ask(kind, **parameters)
        self.over.wait(0.05)
        self.talking.wait()

    @contextmanager
    def silence(self):
        """Nobody says anything new: two clients that use one device twenty times a second owe it something always."""
        self.talking.clear()
        try:
            yield
        finally:
            self.talking.set()


class Plant:
    """A proxy with three cores and a Prometheus, in a laboratory."""

    def __init__(self, lab, corecast):
        self.lab, self.corecast = lab, corecast
        ports = free_ports(10)
        self.cores, (self.api, self.webapi, self.admin, self.tls, self.prometheus) = ports[:3], ports[3:8]
        lab.start("openssl", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                  "-nodes", "-days", "30", "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "tls.pem").wait(20)
        lab.write("token", SECRET)
        lab.write("corecast.toml", self.configuration())
        lab.write("prometheus.yaml", self.scraping())

    def configuration(self):
        cores = "".join(
            f'[[core]]\nid = {number}\nsite = "{site}"\naddress = "127.0.0.1:{port}"\n'
            for number, site, port in zip((1, 2, 3), ("hq", "hq", "branch"), self.cores)
        )
        return f"""
[listen]
api = "127.0.0.1:{self.api}"
webapi = "127.0.0.1:{self.webapi}"
admin = "127.0.0.1:{self.admin}"
api_tls = "127.0.0.1:{self.tls}"
[tls]
certificate = "tls.pem"
key = "key.pem"
reload = "200ms"
[access]
admin_token_file = "token"
[[access.rule]]
functions = ["ADDGROUP"]
allow = false
[safety]
compensation = "callstop"
exposure_limit = "1s"
[limits]
deadline = "500ms"
leg_timeout = "300ms"
{cores}
[[route.rule]]
devices = "7000-7999"
cores = [1, 2]
[[route.rule]]
devices = "61*"
site = "branch"
"""

    def scraping(self):
        return f"""
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: ["{DASHBOARDS}/rules.yaml", "{DASHBOARDS}/alerts.yaml"]
scrape_configs:
  - job_name: corecast
    static_configs: [{{ targets: ["127.0.0.1:{self.admin}"], labels: {{ site: hq }} }}]
"""

    def start_core(self, number):
        return self.lab.start(f"core-{number}", self.corecast, "core", "--id", number,
                              "--listen", f"127.0.0.1:{self.cores[number - 1]}")

    def start_proxy(self):
        proxy = self.lab.start("proxy", self.corecast, "serve", "--config", "corecast.toml")
        until("the proxy is ready", lambda: get(f"http://127.0.0.1:{self.admin}/readyz"))
        return proxy

    def start_prometheus(self):
        self.lab.start("prometheus", "prometheus", "--config.file=prometheus.yaml", "--storage.tsdb.path=prometheus",
                       f"--web.listen-address=127.0.0.1:{self.prometheus}")
        until("Prometheus is ready", lambda: get(f"http://127.0.0.1:{self.prometheus}/-/ready"))

    def metrics(self):
        """The names of all metrics that the proxy tells."""
        text = get(f"http://127.0.0.1:{self.admin}/metrics").decode()
        return set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))

    def ask(self, path, **parameters):
        """What Prometheus' API says; urllib.error.HTTPError holds its words where it refuses."""
        query = urllib.parse.urlencode(parameters)
        return json.loads(get(f"http://127.0.0.1:{self.prometheus}/api/v1/{path}?{query}"))["data"]

    def value(self, expr):
        """The one value of a query; 0 where there is none."""
        found = self.ask("query", query=expr)["result"]
        return float(found[0]["value"][1]) if found else 0.0


def live(plant):
    """Everything that an operator may want to see happens once, in about half a minute."""
    cores = {number: plant.start_core(number) for number in (1, 2, 3)}
    proxy = plant.start_proxy()
    plant.start_prometheus()
    load = Load(plant.api)
    try:
        until("the load is seen", lambda: plant.value("sum(rate(corecast_requests_total[5s])) > 1"))
        plant.lab.end(cores[2])
        until("its blackouts are owed", lambda: plant.value('corecast_obligations_oldest_seconds{core="2"} > 1'))
        until("its absence is seen", lambda: plant.value(
            'corecast_core_breaker_state{core="2",state="pass"} == bool 0'))
        plant.start_core(2)
        with load.silence():
            until("they are delivered late", lambda: plant.value(
                'corecast_obligations_ended_total{core="2",state="delivered"} > 0'
                ' and on (core) corecast_obligations_oldest_seconds{core="2"} == 0'))
        plant.lab.write("token", "short")
        until("a useless file is seen", lambda: plant.value('corecast_files_reload_failed{files="admin_token"} == 1'))
        plant.lab.write("token", SECRET)
        until("and a good one", lambda: plant.value('corecast_files_reload_failed{files="admin_token"} == bool 0'))
        if plant.lab.end(proxy) != 0:
            sys.exit("the drain did not end with status 0")
        plant.start_proxy()
        until("a restart is seen", lambda: plant.value("max(resets(corecast_request_duration_seconds_count[1m])) > 0"))
        until("the new one is busy", lambda: plant.value("sum(rate(corecast_requests_total[5s])) > 1"))
    finally:
        load.end()


def substituted(text, variables):
    """A query as Grafana would send it: with the values of all variables, and times."""
    for name, value in WINDOWS.items():
        text = text.replace(name, value)
    for name, values in variables.items():
        # A regular expression within a string of PromQL, so its backslashes are doubled.
        text = text.replace(f"${name}", "|".join(re.escape(value) for value in values).replace("\\", "\\\\"))
    return text


def values(plant, board):
    """The values that the dashboard's variables would offer, found as Grafana does."""
    found = {}
    for variable in board["templating"]["list"]:
        if variable["type"] != "query":
            continue
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
        series = plant.ask("series", **{"match[]": substituted(selector, found)})
        found[variable["name"]] = sorted({each[label] for each in series})
    return found


def empty(results):
    """Whether not one number was found: nothing at all, or NaN alone."""
    points = [point for each in results for point in each.get("values", [each.get("value")])]
    return not any(point[1] != "NaN" for point in points)


def wrong(plant, expr, begun, instant=False):
    """What is wrong with a query over the time of this test; nothing if it finds a number."""
    try:
        if instant:
            found = plant.ask("query", query=expr)
        else:
            now = time.time()
            found = plant.ask("query_range", query=expr, start=now - int(now - begun), end=now, step=1)
    except urllib.error.HTTPError as error:
        return json.loads(error.read())["error"]
    return "finds nothing" if empty(found["result"]) else None


def queries(board):
    """Every query of a dashboard: of what, the query, whether it is about one moment."""
    for each in board["annotations"]["list"]:
        yield f"annotation {each['name']}", each["expr"], False
    for panel in board["panels"]:
        for each in panel.get("targets", []):
            yield f"{panel['title']} {each['refId']}", each["expr"], each.get("instant", False)


def check_dashboards(plant, begun):
    """All dashboards' faults, how many queries there are, and the text of all."""
    faults, count, seen = [], 0, ""
    for path in sorted(DASHBOARDS.glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        found = values(plant, board)
        faults += [f"{path.name}: variable {name} has no value" for name, each in found.items() if not each]
        for what, expr, instant in queries(board):
            count, seen = count + 1, seen + expr
            fault = wrong(plant, substituted(expr, found), begun, instant)
            if fault:
                faults.append(f"{path.name}: {what}: {fault}\n    {expr}")
    return faults, count, seen


def check_rules(plant, begun):
    """What is wrong with recording rules that record nothing, and rules that Prometheus could not evaluate."""
    faults, count = [], 0
    for rule in (rule for group in plant.ask("rules")["groups"] for rule in group["rules"]):
        count += 1
        if rule["health"] != "ok":
            faults.append(f"rule {rule['name']}: {rule.get('lastError') or rule['health']}")
        if rule["type"] == "recording":
            fault = wrong(plant, rule["name"], begun)
            faults += [f"rule {rule['name']}: {fault}"] if fault else []
    return faults, count


def check_tests():
    """Alerts of which no test says that they fire, or none that they do not."""
    text = "".join(path.read_text(encoding="utf-8") for path in DASHBOARDS.glob("*_test.yaml"))
    alerts = re.findall(r"- alert: (\w+)", (DASHBOARDS / "alerts.yaml").read_text(encoding="utf-8"))
    quiet = re.findall(r"alertname: (\w+), eval_time: \w+, exp_alerts: \[\]", text)
    fires = re.findall(r"alertname: (\w+)\n +eval_time: \w+\n +exp_alerts:\n", text)
    return [f"no test says when {name} {what}" for what, tested in (("fires", fires), ("does not fire", quiet))
            for name in alerts if name not in tested]


def check_runbooks():
    """Alerts whose section in the runbooks is not there."""
    text = (DASHBOARDS / "alerts.yaml").read_text(encoding="utf-8")
    named = set(re.findall(r"runbook: (\S+)#(\S+)", text))
    faults = [] if text.count("- alert:") == text.count("runbook:") else ["an alert without a runbook"]
    for path, anchor in sorted(named):
        headings = re.findall(r"^## (.*)", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        faults += [] if anchor in anchors else [f"{path} has no section {anchor}"]
    return faults


def main():
    corecast, begun = Path(sys.argv[1]).resolve(), time.time()
    with Lab() as lab:
        plant = Plant(lab, corecast)
        live(plant)
        faults, count, seen = check_dashboards(plant, begun)
        more, rules = check_rules(plant, begun)
        faults += more + check_runbooks() + check_tests()
        faults += [f"{name} is on no dashboard" for name in sorted(plant.metrics()) if name not in seen]
    if faults:
        sys.exit("\n".join(faults))
    print(f"{count} queries and {rules} rules find what they ask for, in {time.time() - begun:.0f} s")


if __name__ == "__main__":
    main()
