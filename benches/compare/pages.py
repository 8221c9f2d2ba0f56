"""What was measured as tables, as docs/performance.md, and as a picture."""

import datetime
import json
import math
import os
import platform
import re
from pathlib import Path

import rig as rigs

PAGE = rigs.TREE / "docs/performance.md"
PICTURE = rigs.TREE / "docs/latency.svg"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def markdown(title, head, rows):
    """A table under a title."""
    lines = [f"### {title}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def ratio(value, base):
    return f"{value:.0f} ({value / base:.2f})" if value >= 100 else f"{value:.1f} ({value / base:.2f})"


def table(data):
    base = data["contestants"]["bare, pipelined"]
    columns = {
        "cpu_us": "CPU, µs",
        "p50_us": "p50, µs",
        "p99_us": "p99, µs",
        "per_second": "a second",
        "alone_p50_us": "p50 alone, µs",
        "alone_p99_us": "p99 alone, µs",
    }
    rows = [
        [name, *(ratio(figures[key], base[key]) for key in columns)]
        for name, figures in data["contestants"].items()
    ]
    text = markdown(
        f"CALLUPDATE to {data['cores']} cores, over 64 connections and over one alone", ["", *columns.values()], rows
    )
    nginx, http = (
        data["contestants"][name]["cpu_us"] for name in ["nginx with Lua over HTTP", "Corecast over HTTP"]
    )
    return (
        text
        + f"\nIn parentheses: in relation to the first row. Over HTTP, nginx spends {nginx / http:.1f} times as much "
        "CPU on a request as Corecast. A blackout also has its entry in the ledger, which a thread of its own writes to the "
        "database: the last row says what Corecast spends where every fifth command is one.\n"
    )


def memory(data):
    rows = [
        [
            name,
            f"{f['idle_kib'] / 1024:.1f} MiB",
            f"{f['thousand_kib'] / 1024:.1f} MiB",
            f"{f['per_client_kib']:.1f} KiB",
            f"{f['clients_kib'] / 1024:.1f} MiB at {f['clients']:,}",
            f"{f['p50_us_beside']:.0f} µs",
        ]
        for name, f in data.items()
    ]
    head = ["", "idle", "1,000 idle clients", "each", "more of them", "p50 of others beside them"]
    return markdown("Memory", head, rows)


def cores(data):
    rows = [
        [
            p["cores"],
            f"{p['bare']:.1f}",
            f"{p['corecast']:.1f}",
            f"{p['corecast'] / p['bare']:.2f}",
            f"{p['corecast'] / p['cores']:.2f}",
        ]
        for p in data
    ]
    return markdown(
        "CPU per request against cores per command",
        ["cores", "bare, µs", "Corecast, µs", "ratio", "per core, µs"],
        rows,
    )


def devices(data):
    rows = [
        [
            f"{p['devices']:,}",
            f"{p['cpu_us']:.1f}",
            f"{p['cpu_us'] / data[0]['cpu_us']:.2f}",
            f"{p['memory_kib'] / 1024:.0f} MiB",
        ]
        for p in data
    ]
    return markdown(
        "CPU per request against devices in the directory",
        ["devices", "µs", "ratio to the first", "memory"],
        rows,
    )


def configured(data):
    rows = [
        [f"{p['configured']:,}", f"{p['cpu_us']:.1f}", f"{p['cpu_us'] / data[0]['cpu_us']:.2f}"] for p in data
    ]
    return markdown(
        "CPU per request to three cores against configured cores", ["cores", "µs", "ratio to the first"], rows
    )


def hung(data):
    rows = [[f"the eighth is {name}", f"{f['p50']:.0f}", f"{f['p99']:.0f}"] for name, f in data.items()]
    moved = (data["hung"]["p99"] / data["healthy"]["p99"] - 1) * 100
    text = markdown("Commands to seven cores, beside commands to an eighth", ["", "p50, µs", "p99, µs"], rows)
    return text + f"\nThe p99 moves by {moved:+.1f} %.\n"


def load(data):
    rows = [
        [
            f"{p['share']:.0%}",
            f"{p['rate']:,}",
            *(f"{p[who][q]:.0f}" for who in ["bare", "corecast"] for q in ["p50", "p99"]),
            *(f"{p['corecast'][q] - p['bare'][q]:+.0f}" for q in ["p50", "p99"]),
        ]
        for p in data["points"]
    ]
    head = [
        "load",
        "a second",
        "bare p50, µs",
        "bare p99",
        "Corecast p50",
        "Corecast p99",
        "added p50",
        "added p99",
    ]
    reached = data["saturation"]
    text = markdown("Latency against load, three cores a command", head, rows)
    return (
        text
        + f"\nThe load is a share of the {reached['corecast']:,.0f} requests a second that Corecast reaches on one "
        f"thread; the bare fan-out reaches {reached['bare']:,.0f}.\n\n![Latency against load](latency.svg)\n"
    )


def soak(data):
    moved = data["ended_kib"] - data["begun_kib"]
    rows = [
        [
            f"{data['rate']:,}",
            f"{data['seconds']} s",
            f"{data['begun_kib'] / 1024:.1f} MiB",
            f"{data['ended_kib'] / 1024:.1f} MiB",
            f"{moved:+} KiB",
            f"{data['latency_us']['p99']:.0f} µs",
        ]
    ]
    head = ["a second", "for", "after a tenth of it", "at its end", "difference", "p99"]
    return markdown("Memory over time", head, rows)


def allocations(data):
    rows = [[p["what"], f"{p['allocations']:.1f}", f"{p['bytes']:,}"] for p in data]
    return markdown("Allocations per request, three cores", ["", "allocations", "bytes"], rows)


def hot_path(data):
    rows = [[p["step"], p["what"], f"{p['instructions']:,}", f"{p['allocations']:.1f}"] for p in data]
    return markdown("Each step alone", ["step", "", "instructions", "allocations"], rows)


def machine():
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return (
        f"{datetime.date.today()}, {os.cpu_count()} CPUs ({cpu[1] if cpu else platform.machine()}), Linux {platform.release()}, "
        f"profile `{rigs.PROFILE}`, load of the machine before: {os.getloadavg()[0]:.1f}"
    )


ORDER = ["table", "load", "cores", "devices", "configured", "hung", "memory", "soak", "allocations", "hot_path"]


def report(results):
    """All that was measured as Markdown."""
    return (
        results["machine"]
        + ".\n\n"
        + "\n".join(globals()[part](results[part]) for part in ORDER if part in results)
    )


KEPT = rigs.TREE / "target/compare.json"


def keep(results):
    """Keeps what was measured, for other programs and beside what was measured on this machine today; gives all of it."""

    def where(results):
        return results["machine"].rsplit(",", 1)[0]

    before = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    if before and where(before) == where(results):
        results = {**before, **results}
    KEPT.write_text(json.dumps(results, indent=1) + "\n")
    return results


def write(results):
    """Puts the measured part into the page, and draws the picture."""
    before, rest = PAGE.read_text().split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{report(results)}\n{END}{after}")
    if "load" in results:
        PICTURE.write_text(picture(results["load"]))


WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 80, 150, 24, 48
LINES = [
    ("bare", "p50", "#8a8a8a", ""),
    ("bare", "p99", "#8a8a8a", "6 4"),
    ("corecast", "p50", "#1f6fb2", ""),
    ("corecast", "p99", "#1f6fb2", "6 4"),
]


def picture(data):
    """Latency against load as SVG: rates to the right, microseconds upwards in powers of ten."""
    points = data["points"]
    most = max(p["rate"] for p in points)
    values = [p[who][quantile] for p in points for who, quantile, _, _ in LINES]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)

    def x(rate):
        return LEFT + (WIDTH - LEFT - RIGHT) * rate / most

    def y(value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (math.log10(value) - low) / (high - low)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        "<title>Latency against load</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for power in range(low, high + 1):
        at = y(10**power)
        out.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10 ** power:,} µs</text>')
    for point in points:
        at = x(point["rate"])
        out.append(
            f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{point["share"]:.0%}</text>'
        )
    out.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"requests a second; 100 % are {data['saturation']['corecast']:,.0f}</text>"
    )
    ends = []
    for who, quantile, colour, dash in LINES:
        path = "L".join(f"{x(p['rate']):.1f} {y(p[who][quantile]):.1f}" for p in points)
        out.append(
            f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
        )
        ends.append(
            [y(points[-1][who][quantile]), f"{'Corecast' if who == 'corecast' else who} {quantile}", colour]
        )
    ends.sort()
    for at in range(1, len(ends)):
        ends[at][0] = max(ends[at][0], ends[at - 1][0] + 15)
    out += [
        f'<text x="{WIDTH - RIGHT + 8}" y="{at + 4:.1f}" fill="{colour}">{name}</text>'
        for at, name, colour in ends
    ]
    return "\n".join([*out, "</svg>"]) + "\n"
