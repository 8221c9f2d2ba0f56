#!/usr/bin/env python3
"""Writes the Grafana dashboards beside it. Change them here: `generate.py` writes, `generate.py --check` fails where a
file is not what would be written. It needs Python alone."""

import json
import sys
from pathlib import Path

from grafana import (
    CORE, GREEN, PROXY, RED, YELLOW,
    dashboard, heatmap, lines, quantile, rate, shared, stat, steps, table, target, timeline, total,
)

HERE = Path(__file__).parent

ANSWERED = "corecast_requests_total"
WAIT = "corecast_request_duration_seconds"
LEGS = "corecast_legs_total"
LEG_WAIT = "corecast_leg_duration_seconds"
BREAKER = "corecast_core_breaker_state"
EXPOSURE = "corecast_blackout_exposure_seconds_total"
OLDEST = "corecast_obligations_oldest_seconds"

# Commands that owners have to confirm, and the answers that say that one did not: as in rules.yaml.
COMMANDS = (
    PROXY
    + ',command=~"CALL(START|STOP|UPDATE)|CHAT(START|STOP|UPDATE)|RECORD(START|STOP)|(AGENT)?BLACKOUT(START|STOP)"'
)
MISSED = COMMANDS + ',result=~"API_PARTIAL_CORE_RESPONSE|API_ERROR_RECORDER_NOT_RUNNING|API_ERROR_PROCESSING_MESSAGE"'
STARTS = PROXY + ',command=~"(AGENT)?BLACKOUTSTART"'
NOT_OK = PROXY + ',result!="API_OK"'
PASS, PROBE, SHUT = (CORE + f',state="{state}"' for state in ("pass", "probe", "shut"))
LEG_MISSED = CORE + ',outcome!~"ok|rejected|not_sent_draining"'

SLOW = steps((None, GREEN), (0.25, YELLOW), (1.5, RED))
BURN = steps((None, GREEN), (0.001, YELLOW), (0.0144, RED))
NONE_IS_GOOD = steps((None, GREEN), (1, RED))


def quantiles(metric, selector, by):
    """The median and the 99th percentile by a label."""
    names = [(0.5, "p50"), (0.99, "p99")]
    return [target(quantile(q, metric, selector, by), f"{{{{{by}}}}} {name}") for q, name in names]


def per_core(metric, selector=CORE):
    """A gauge of each core as each proxy sees it."""
    return [target(total(metric, selector, "core, instance"), "{{core}} at {{instance}}")]


def per_core_rate(metric, by="core", selector=CORE):
    """What happens at each core in a second, over all proxies."""
    return [target(rate(metric, selector, by), " ".join(f"{{{{{label}}}}}" for label in by.split(", ")))]


OVERVIEW = [
    ("Is all well?", 4, [
        stat("Commands that reached every owner", 5,
             f"1 - {rate(ANSWERED, MISSED, window='$__range', function='increase')}"
             f" / {rate(ANSWERED, COMMANDS, window='$__range', function='increase')}",
             "The promise, over the time shown. The objective is 99.9 %: docs/runbooks.md, Commands miss owners.",
             "percentunit", steps((None, RED), (0.986, YELLOW), (0.999, GREEN)), 3),
        stat("Requests", 3, rate(ANSWERED), "All functions, all listeners.", "reqps"),
        stat("Wait, p99", 3, quantile(0.99, WAIT), "From a request read to its answer.", "s", SLOW),
        stat("Cores not reached", 3,
             f'count(max by (job, site, core) ({BREAKER}{{{PROXY},state=~"probe|shut"}}) == 1) or vector(0)',
             "By one proxy at least: docs/runbooks.md, A core is down.", "none", NONE_IS_GOOD),
        stat("Owed", 3, f"sum({shared('max', 'corecast_obligations', PROXY)})",
             "Blackouts and stops that a core has missed and is still to be told.", "none",
             steps((None, GREEN), (1, YELLOW), (10, RED))),
        stat("Exposure of a blackout", 4, f"{rate(EXPOSURE)} / {rate(ANSWERED, STARTS)}",
             "Seconds from a blackout asked for to confirmed, its owners added up, per blackout that was asked for.",
             "s", SLOW),
        stat("Proxies", 3, f"sum(up{{{PROXY}}})", "Copies that Prometheus reaches.", "none",
             steps((None, RED), (1, YELLOW), (2, GREEN))),
    ]),
    ("Rate, errors, duration", 9, [
        lines("Requests by function", 8, [target(f"{rate(ANSWERED, by='command')} > 0", "{{command}}")],
              "What is asked for, without what nobody asks for.", "reqps", stack=True),
        lines("Other than API_OK, by function", 8,
              [target(f"{rate(ANSWERED, NOT_OK, 'command')} / {rate(ANSWERED, by='command')} > 0", "{{command}}")],
              "The share of each function's answers. Refusals are in it: a client's fault is seen here too.",
              "percentunit"),
        lines("Wait by function, p99", 8, [target(quantile(0.99, WAIT, by="command"), "{{command}}")],
              "From a request read to its answer. Exports and mails take as long as they take.", "s"),
        heatmap("Wait, all functions", 12, rate(WAIT + "_bucket", by="le"), "How many waited how long."),
        lines("Wait, all functions", 12,
              [target(quantile(q, WAIT), name) for q, name in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99")]],
              "The same as lines.", "s"),
    ]),
    ("Verdicts", 9, [
        lines("Answers by verdict", 8, [target(f"{rate(ANSWERED, by='result')} > 0", "{{result}}")],
              "API_PARTIAL_CORE_RESPONSE: an owner did not confirm. API_ERROR_RECORDER_NOT_RUNNING: none did.",
              "reqps", stack=True),
        lines("Commands that missed an owner", 8,
              [target(f'corecast:commands_missed:ratio_rate{window}{{job=~"$job",site=~"$site"}}',
                      f"{{{{site}}}} {window}")
               for window in ("5m", "1h", "6h")],
              "What the burn-rate alerts look at: a page at 1.44 % over an hour, or 0.6 % over six.", "percentunit",
              colors=BURN),
        lines("Answers by listener", 8, [target(rate(ANSWERED, by="listener"), "{{listener}}")],
              "The API socket and the WebAPI; with TLS under the same names.", "reqps", stack=True),
    ]),
    ("Blackouts", 9, [
        lines("Starts by verdict", 8, [target(f"{rate(ANSWERED, STARTS, 'result')} > 0", "{{result}}")],
              "Each that is not API_OK is told in the ledger, core by core.", "reqps", stack=True),
        lines("Exposure by core", 8, per_core_rate(EXPOSURE, selector=PROXY),
              "Seconds of sound per second that were recorded between a blackout asked for and confirmed.", "s"),
        lines("Owed by core", 8, [target(shared("max", "corecast_obligations", PROXY), "{{site}} {{core}}")],
              "Blackouts and stops that wait for the core to be back.", "none"),
    ]),
]


CORES = [
    ("State", 9, [
        timeline("Breaker", 9,
                 [target(f"{total(BREAKER, PROBE, 'instance, core')} + 2 * {total(BREAKER, SHUT, 'instance, core')}",
                         "{{core}} at {{instance}}")],
                 "Shut: nothing is sent, and nobody waits. Probe: TEST is on its way.",
                 [(0, "pass", GREEN), (1, "probe", YELLOW), (2, "shut", RED)]),
        timeline("Drained", 6, per_core("corecast_core_drained"),
                 "Nothing new begins there through this copy. If copies differ, somebody has not told all of them.",
                 [(0, "enabled", GREEN), (1, "drained", YELLOW)]),
        lines("Legs that missed the core", 9,
              [target(f"{rate(LEGS, LEG_MISSED, 'core')} / {rate(LEGS, CORE, 'core')}", "{{core}}"),
               target('corecast:legs_missed:ratio_rate1h{job=~"$job",site=~"$site",core=~"$core"}', "{{core}} in 1 h")],
              "Timed out, cut off, unreadable or never sent. A refusal is an answer.", "percentunit", colors=BURN),
    ]),
    ("Outcomes", 9, [
        lines("Legs by outcome", 12, [target(f"{rate(LEGS, CORE, 'outcome')} > 0", "{{outcome}}")],
              "What each means: docs/runbooks.md, Verdicts are partial.", "ops", stack=True),
        lines("Legs by core", 6, per_core_rate(LEGS), "How much each core is asked.", "ops", stack=True),
        table("Missed in this time", 6,
              f"sum by (site, core, outcome) (increase({LEGS}{{{LEG_MISSED}}}[$__range])) > 0",
              "How the legs of each core ended that were not answered.", "short", {"Value": "legs"}),
    ]),
    ("Latency", 9, [
        heatmap("Latency of legs", 12, rate(LEG_WAIT + "_bucket", CORE, "le"),
                "From a leg begun to its end; those that were never sent are left out."),
        lines("Latency by core", 12, quantiles(LEG_WAIT, CORE, "core"), "Lines at the usual time-outs.", "s",
              colors=steps((None, GREEN), (0.5, YELLOW), (1.5, RED))),
    ]),
    ("Saturation", 8, [
        lines("In flight", 6, per_core("corecast_core_in_flight"), "Sent and not answered yet.", "none"),
        lines("Queue", 6, per_core("corecast_core_queue_depth"),
              "Legs that wait for a turn. If it does not empty: more connections, or a faster core.", "none"),
        lines("Connections", 6, per_core("corecast_core_connections"), "0 is a core that is not reached.", "none"),
        lines("Late and stray replies", 6,
              per_core_rate("corecast_core_late_replies_total") + per_core_rate("corecast_core_stray_replies_total"),
              "Late: after leg_timeout, so that the client was told PARTIAL. Stray: nobody had asked.", "ops"),
    ]),
    ("Owed", 8, [
        lines("Owed", 8, [target(shared("max", "corecast_obligations"), "{{site}} {{core}}")],
              "Blackouts and stops that the core has missed.", "none"),
        lines("Oldest", 8, [target(shared("max", OLDEST), "{{site}} {{core}}")],
              "How long it may have recorded what it should not. A page after two minutes.", "s",
              colors=steps((None, GREEN), (60, YELLOW), (120, RED))),
        lines("Exposure", 8, per_core_rate(EXPOSURE), "Seconds between blackouts asked for and confirmed.", "s"),
    ]),
]

ENDED = "corecast_obligations_ended_total"
DELAY = "corecast_obligation_delay_duration_seconds"
LEDGER = "corecast_ledger_entries_total"


def per_proxy(metric, legend="{{instance}}"):
    """A gauge of each proxy."""
    return [target(f"{metric}{{{PROXY}}}", legend)]


def per_proxy_rate(metric, label=None):
    """What happens at each proxy in a second, by one more label if any."""
    if label is None:
        return [target(rate(metric, by="instance"), "{{instance}}")]
    return [target(rate(metric, by=f"instance, {label}"), f"{{{{{label}}}}} at {{{{instance}}}}")]


DIRECTORY = [
    ("Directory", 8, [
        lines("Age of the snapshot", 8, per_proxy("corecast_directory_snapshot_age_seconds"),
              "How old what routing knows may be. A ticket after one minute, a page after ten.", "s",
              colors=steps((None, GREEN), (60, YELLOW), (600, RED))),
        timeline("Database", 4, per_proxy("corecast_directory_database_up"), "Whether it answers.",
                 [(0, "down", RED), (1, "up", GREEN)]),
        lines("Devices", 6, per_proxy("corecast_directory_devices"),
              "With rows of their own. Copies of one database should agree.", "none"),
        lines("Agents", 6, per_proxy("corecast_directory_agents"), "Copies of one database should agree.", "none"),
    ]),
    ("Obligations", 8, [
        lines("Owed by core", 8, [target(shared("max", "corecast_obligations"), "{{site}} {{core}}")],
              "The database says it to every copy: not added up.", "none"),
        lines("Oldest by core", 8, [target(shared("max", OLDEST), "{{site}} {{core}}")], "A page after two minutes.",
              "s", colors=steps((None, GREEN), (60, YELLOW), (120, RED))),
        lines("How late it is delivered", 8, quantiles(DELAY, CORE, "core"),
              "From asked for to delivered; above 5 s the bucket ends.", "s"),
        lines("Ended", 8, per_core_rate(ENDED, "state"),
              "Delivered and superseded are well. Refused and expired page: a recording may hold what it must not.",
              "ops", stack=True),
        lines("Compensations", 8, per_core_rate("corecast_compensations_total", "core, action, result"),
              "What was done about blackouts not confirmed in time. Empty unless safety.compensation is on.", "ops"),
        lines("Not kept", 8, per_proxy_rate("corecast_obligations_lost_total"),
              "Missed by a core, and not taken by the database in time. The client was told.", "ops"),
    ]),
    ("Ledger", 8, [
        lines("Entries", 8, per_proxy_rate(LEDGER, "state"), "Lost should stay 0.", "ops"),
        lines("Waiting", 8, per_proxy("corecast_ledger_waiting"), "In memory, until the database takes them.", "none"),
        lines("Answered before written", 8, per_proxy_rate("corecast_ledger_late_total"),
              "Answers other than API_OK that could not wait for their entry.", "ops"),
    ]),
]

PROCESS = [
    ("Copies", 8, [
        timeline("Scraped", 8, per_proxy("up"), "Whether Prometheus reaches the proxy.",
                 [(0, "down", RED), (1, "up", GREEN)]),
        table("Versions", 8, f"count by (site, instance, version) (corecast_build_info{{{PROXY}}})",
              "What runs where.", "none", {"Value": "copies"}),
        lines("Requests by proxy", 8, per_proxy_rate(ANSWERED), "How even the load is.", "reqps", stack=True),
    ]),
    ("Clients", 8, [
        lines("Connections", 8, [target(total("corecast_connections", by="instance, listener"),
                                        "{{listener}} at {{instance}}")],
              "Client connections open. The bound is limits.max_connections.", "none"),
        lines("Shed", 8, per_proxy_rate("corecast_shed_total", "reason"),
              "Refused because a bound of docs/bounds.md was reached.", "ops"),
        lines("Not allowed", 8, [target(f"{rate('corecast_access_denied_total', by='command')} > 0", "{{command}}"),
                                 target(rate("corecast_access_denied_total"), "all")],
              "Requests that a rule of [access] forbids.", "ops"),
        lines("Repeats joined", 12, per_proxy_rate("corecast_repeats_joined_total"),
              "Repeats after PARTIAL that went to the missing cores only.", "ops"),
        lines("Failed TLS handshakes", 12, per_proxy_rate("corecast_tls_handshake_failures_total", "listener"),
              "Clients that do not trust the certificate, or whose own is not accepted.", "ops"),
    ]),
    ("Files", 8, [
        lines("Certificates end in", 12,
              [target(f"corecast_tls_certificate_expiry_seconds{{{PROXY}}} - time()",
                      "{{certificate}} at {{instance}}")],
              "A ticket at fourteen days. Empty without TLS.", "s", least=None,
              colors=steps((None, RED), (14 * 86400, GREEN))),
        timeline("Files", 12, per_proxy("corecast_files_reload_failed", "{{files}} at {{instance}}"),
                 "Old: the newest files are of no use, and those before stay in use. Empty without TLS and token file.",
                 [(0, "in use", GREEN), (1, "old", RED)]),
        timeline("Configuration", 12, per_proxy("corecast_config_reload_failed"),
                 "At fault: the newest file is not taken, and the one before stays in force. The log says why.",
                 [(0, "in force", GREEN), (1, "at fault", RED)]),
        lines("Configuration read", 12,
              [target(f"time() - corecast_config_loaded_timestamp_seconds{{{PROXY}}}", "{{instance}}")],
              "How long ago it was last read and taken. Copies that differ by much may have different ones.", "s"),
        lines("Names not looked up", 12, per_proxy("corecast_dns_failed_names"),
              "Names of cores that the name server did not answer for last. What was known stays in force.", "none"),
    ]),
    ("Machine", 8, [
        lines("CPU", 8, per_proxy_rate("process_cpu_seconds_total"),
              "Threads' worth of CPU that is used. runtime.threads of them carry calls, one per CPU unless set.", "none"),
        lines("Memory", 8, per_proxy("process_resident_memory_bytes"),
              "In the machine's memory. docs/bounds.md has what it can come to.", "bytes"),
        lines("Threads", 8, per_proxy("process_threads"), "Grows with runtime.threads and conversions.", "none"),
        lines("Files and sockets", 12, [target(total("process_open_fds", by="instance"), "open at {{instance}}"),
                                        target(total("process_max_fds", by="instance"), "bound at {{instance}}")],
              "A ticket at four fifths: docs/runbooks.md, Files and sockets run out.", "none"),
        lines("Running for", 12, [target(f"time() - process_start_time_seconds{{{PROXY}}}", "{{instance}}")],
              "Since the process began.", "s"),
    ]),
    ("Traces and logs", 8, [
        lines("Spans", 12, per_proxy_rate("corecast_trace_spans_total", "state"),
              "What became of the spans of traces. All at 0 without a collector.", "ops"),
        lines("Lines left out", 12, per_proxy_rate("corecast_log_lines_left_out_total", "reason"),
              "Full: whoever reads the log is too slow. Flood: more failures a second than are told one by one.", "ops"),
    ]),
    ("Scrapes", 8, [
        lines("Duration", 12, per_proxy("scrape_duration_seconds"), "How long the proxy takes to tell all this.", "s"),
        lines("Samples", 12, per_proxy("scrape_samples_scraped"), "Grows with cores, never with devices.", "none"),
    ]),
]

DASHBOARDS = {
    "overview": ("overview", "Does every command reach every owner, how many, how fast?", OVERVIEW, False),
    "cores": ("cores", "How each core answers, and what waits for it.", CORES, True),
    "directory": ("directory and obligations", "What routing knows, and what is owed.", DIRECTORY, True),
    "process": ("process", "The proxies themselves: clients, bounds, certificates, scrapes.", PROCESS, False),
}


def main():
    """Writes each dashboard, or says which are not what would be written."""
    stale = []
    for name, arguments in DASHBOARDS.items():
        path = HERE / f"{name}.json"
        text = json.dumps(dashboard(name, *arguments), indent=2, ensure_ascii=False) + "\n"
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
    if stale:
        sys.exit(f"not what dashboards/generate.py writes: {', '.join(stale)}")


if __name__ == "__main__":
    main()
