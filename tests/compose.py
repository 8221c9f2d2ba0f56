#!/usr/bin/env python3
"""compose.py CORECAST: what can be told of deploy/compose without Docker. Its parts name each other rightly, all that
is mounted is there, and the proxy and Prometheus take their configurations. Needs PyYAML."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
COMPOSE = ROOT / "deploy/compose"


def parts(services, volumes):
    """Names of services, volumes and files that are not there."""
    for name, service in services.items():
        for other in service.get("depends_on", []):
            if other not in services:
                yield f"{name} depends on {other}"
        for source in (each.split(":")[0] for each in service.get("volumes", [])):
            there = (COMPOSE / source).exists() if source.startswith(".") else source in volumes
            if not there:
                yield f"{name} mounts {source}"
        build = service.get("build")
        if build and not (COMPOSE / build["context"] / build["dockerfile"]).exists():
            yield f"{name} is built by {build['dockerfile']}"


def addresses():
    """The hosts that the configurations of all parts name."""
    files = ["corecast.toml", "prometheus.yaml", "grafana/datasources/prometheus.yaml", "../haproxy/haproxy.cfg"]
    text = "\n".join((COMPOSE / file).read_text(encoding="utf-8") for file in files)
    return set(re.findall(r"\b([a-z]+-\d|prometheus):\d{4}\b", text))


def accepted(*command):
    told = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    return [] if told.returncode == 0 else [f"{command[0]}: {told.stdout}{told.stderr}"]


def main():
    compose = yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))
    services = compose["services"]
    faults = list(parts(services, compose["volumes"]))
    faults += [f"no service {host}" for host in sorted(addresses() - set(services))]
    faults += accepted(Path(sys.argv[1]).resolve(), "check", "--config", COMPOSE / "corecast.toml")
    faults += accepted("promtool", "check", "config", "--syntax-only", COMPOSE / "prometheus.yaml")
    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(services)} services fit together")


if __name__ == "__main__":
    main()
