#!/usr/bin/env python3
"""traces.py CORECAST: what calls leave behind, read by others: traces by OpenTelemetry's own message types, access lines
by Python's JSON.

A real proxy in front of two real cores, of which one refuses, sends traces to a collector that says "later" at first.
What must hold: each message is one of the protocol's, to the last field; each command that was sent, and no other, has
one span of its own and one below it for each core, with the outcome that the core gave; a client's traceparent is the
parent, and decides; the access lines say the same; nothing is lost when the proxy ends; and no card number and no password
is in any of it."""

import base64
import http.client
import json
import re
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from lab import Client, Lab, free_ports, get, until

CARD, PASSWORD = "4111111111111111", "hunter2"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
REFUSED = 12
IDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


class Collector(ThreadingHTTPServer):
    """Takes messages, from the second one on."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock, self.bodies, self.refused, self.faults = threading.Lock(), [], [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, path, headers, body):
        """Status and headers of the answer."""
        with self.lock:
            if (path, headers["Content-Type"], headers["X-Tenant"]) != ("/v1/traces", "application/json", "blue, red"):
                self.faults.append(f"a request to {path} with {headers.items()}")
            if not self.refused:
                self.refused.append(body)
                return 503, {"Retry-After": "1"}
            self.bodies.append(body)
            return 200, {"Content-Type": "application/json"}

    def spans(self):
        """All spans, with the attributes of their resource."""
        with self.lock:
            messages = [message(body) for body in self.bodies]
        return [(span, attributes(all_of_one.resource))
                for each in messages for all_of_one in each.resource_spans
                for scope in all_of_one.scope_spans for span in scope.spans]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, headers = self.server.take(self.path, self.headers, body)
        answer = b"{}"
        self.send_response(status)
        [self.send_header(*pair) for pair in (headers | {"Content-Length": str(len(answer))}).items()]
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def message(body):
    """A message as the protocol's own types read it. In OTLP's JSON ids are hexadecimal, in protobuf's they are base64."""
    def with_ids(value):
        if isinstance(value, list):
            return [with_ids(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {key: as_bytes(key, each) if key in IDS else with_ids(each) for key, each in value.items()}

    return json_format.ParseDict(with_ids(json.loads(body)), ExportTraceServiceRequest())


def as_bytes(key, written):
    if not re.fullmatch(f"[0-9a-f]{{{2 * IDS[key]}}}", written):
        sys.exit(f"{key} is {written}")
    return base64.b64encode(bytes.fromhex(written)).decode()


def attributes(holder):
    value = lambda any_value: getattr(any_value, any_value.WhichOneof("value"))
    return {each.key: value(each.value) for each in holder.attributes}


CONFIGURATION = """
[listen]
api = "127.0.0.1:{api}"
webapi = "127.0.0.1:{webapi}"
admin = "127.0.0.1:{admin}"
[directory]
url = "sqlite::memory:"
[log]
format = "json"
access_share = 1
[traces]
endpoint = "http://127.0.0.1:{collector}/"
share = 1
instance = "copy-7"
headers = "x-tenant=blue%2C%20red"
[[core]]
id = 1
name = "hq-1"
site = "hq"
address = "127.0.0.1:{core1}"
[[core]]
id = 2
name = "hq-2"
site = "hq"
address = "127.0.0.1:{core2}"
[[route.rule]]
devices = "7000-7049"
cores = [1, 2]
[[route.rule]]
devices = "7050-7999"
cores = [1]
"""


class Plant:
    def __init__(self, lab, corecast, collector):
        names = ("api", "webapi", "admin", "core1", "core2")
        self.ports = dict(zip(names, free_ports(len(names))))
        for core, fault in (1, "none"), (2, f"reject:{REFUSED}"):
            lab.start(f"core{core}", corecast, "core", "--id", core, "--listen", f"127.0.0.1:{self.ports[f'core{core}']}",
                      "--fault", fault)
        text = CONFIGURATION.format(collector=collector.server_address[1], **self.ports)
        self.proxy = lab.start("proxy", corecast, "serve", "--config", lab.write("corecast.toml", text))
        self.log = lab.folder / "proxy.log"
        until("both cores are connected", lambda: self.metric("corecast_core_connections") >= 2)

    def metric(self, name):
        text = get(f"http://127.0.0.1:{self.ports['admin']}/metrics").decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))

    def web(self, query, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["webapi"], timeout=10)
        connection.request("GET", f"/webAPI.aspx?{query}", headers=headers)
        answer = connection.getresponse().read().decode()
        connection.close()
        return re.search("<RESULTTYPE>(.*?)<", answer)[1]

    def access_lines(self):
        lines = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if line["message"] == "access"]


def talk(plant):
    """Says all that is to be traced; what each command was, and how many legs it has."""
    client, said = Client(plant.ports["api"]), []
    # Those of core 2 fail: not so many that some are left out of the log.
    for number in range(300):
        result = client.ask("CALLSTART", DEVICEID=f"7{number:03}", CALLERID=CARD)
        said.append(("CALLSTART", result, f"7{number:03}", 2 if number < 50 else 1))
    said.append(("CALLSTOP", client.ask("CALLSTOP", DEVICEID=CARD), "************1111", 2))
    said.append(("TEST", client.ask("TEST", PASSWORD=PASSWORD), "", 0))
    said.append(("NONSENSE", client.ask("NONSENSE"), "", 0))
    client.close()
    said.append(("CALLUPDATE", plant.web("type=callupdate&requestid=1&deviceid=7001",
                                         traceparent=f"00-{TRACE}-{PARENT}-01"), "7001", 2))
    # Its client wants no trace, though all are traced.
    plant.web("type=callupdate&requestid=1&deviceid=7002", traceparent=f"00-{TRACE}-{PARENT}-00")
    return said


def faults_of_calls(calls, said):
    told = [attributes(call) for call in calls]
    got = sorted((each["corecast.function"], each["corecast.result"], each.get("corecast.device", "")) for each in told)
    if got != sorted(command[:3] for command in said):
        yield f"{len(said)} commands were sent, and there are {len(calls)} spans of calls, or others: {got[:5]}"
    for call, each in zip(calls, told):
        is_well = each["corecast.result"] == "API_OK"
        if call.kind != Span.SPAN_KIND_SERVER or (call.status.code == Status.STATUS_CODE_ERROR) == is_well:
            yield f"a call's span is {call}"
        if each["client.address"] != "127.0.0.1" or each["corecast.listener"] not in ("api", "webapi"):
            yield f"a call came from {each}"
        if call.name != (each["corecast.function"] if each["corecast.function"] != "NONSENSE" else "unknown function"):
            yield f"a call is named {call.name}"


def faults_of_legs(plant, call, legs, expected):
    if len(legs) != expected:
        yield f"{call.name} has {len(legs)} legs, not {expected}"
    for leg in legs:
        told = attributes(leg)
        core = told["corecast.core.id"]
        known = {"corecast.core.name": f"hq-{core}", "corecast.core.site": "hq", "server.address": "127.0.0.1",
                 "server.port": plant.ports[f"core{core}"]}
        if known.items() - told.items() or leg.kind != Span.SPAN_KIND_CLIENT or leg.trace_id != call.trace_id:
            yield f"a leg's span is {leg}"
        outcome = ("ok", None, Status.STATUS_CODE_UNSET) if core == 1 else ("rejected", REFUSED, Status.STATUS_CODE_ERROR)
        # A core that is asked although nobody knows the owner may say that it is not the one.
        is_own = "*" not in attributes(call).get("corecast.device", "")
        if is_own and (told["corecast.outcome"], told.get("corecast.code"), leg.status.code) != outcome:
            yield f"core {core}'s leg is {leg}"
        times = (call.start_time_unix_nano, leg.start_time_unix_nano, leg.end_time_unix_nano, call.end_time_unix_nano)
        if list(times) != sorted(times):
            yield f"a leg's times are not within its call's: {times}"


def faults(plant, collector, said):
    yield from collector.faults
    spans = collector.spans()
    if any(resource != spans[0][1] for _, resource in spans) or (
            spans[0][1]["service.name"], spans[0][1]["service.instance.id"]) != ("corecast", "copy-7"):
        yield f"the resource is {spans[0][1]}"
    ids = {span.span_id for span, _ in spans}
    if len(ids) != len(spans):
        yield "two spans have one id"
    calls = [span for span, _ in spans if span.parent_span_id not in ids]
    yield from faults_of_calls(calls, said)
    legs_of = {(function, device): legs for function, _, device, legs in said}
    for call in calls:
        told = attributes(call)
        legs = [span for span, _ in spans if span.parent_span_id == call.span_id]
        key = (told["corecast.function"], told.get("corecast.device", ""))
        yield from faults_of_legs(plant, call, legs, legs_of.get(key))
    with_parent = [call for call in calls if call.parent_span_id]
    if [(call.trace_id.hex(), call.parent_span_id.hex()) for call in with_parent] != [(TRACE, PARENT)]:
        yield f"calls with a parent: {with_parent}"
    yield from faults_of_lines(plant, calls, said)


def faults_of_lines(plant, calls, said):
    lines = plant.access_lines()
    if len(lines) != len(said) + 1:
        yield f"{len(lines)} access lines for {len(said) + 1} commands"
    by_trace = {line.get("trace"): line for line in lines}
    for call in calls:
        line, told = by_trace.get(call.trace_id.hex(), {}), attributes(call)
        same = [line.get("function"), line.get("result"), line.get("device"), line.get("request")]
        if same != [told["corecast.function"], told["corecast.result"], told.get("corecast.device", ""), "1"]:
            yield f"the line {line} belongs to {told}"
    everything = plant.log.read_text(encoding="utf-8")
    for secret in CARD, PASSWORD:
        if secret in everything:
            yield f"{secret} is in the log"


def main():
    collector = Collector()
    with Lab() as lab:
        plant = Plant(lab, Path(sys.argv[1]).resolve(), collector)
        said = talk(plant)
        until("the collector has asked for time", lambda: collector.refused)
        lab.end(plant.proxy, signal.SIGTERM)
        found = list(faults(plant, collector, said))
        if any(secret.encode() in body for secret in (CARD, PASSWORD) for body in collector.bodies):
            found.append("a secret is in a trace")
        if collector.refused[0] not in collector.bodies:
            found.append("what was to be sent later was not sent again")
        if found:
            sys.exit("\n".join(map(str, found[:10])))
    print(f"{len(said)} commands, {len(collector.spans())} spans in {len(collector.bodies)} messages, and their access lines")


if __name__ == "__main__":
    main()
