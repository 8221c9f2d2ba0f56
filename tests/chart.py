#!/usr/bin/env python3
"""chart.py CORECAST: the Helm chart is linted and rendered by Helm's own library, with little and with everything
switched on; each manifest is checked against Kubernetes' schemas, and what is in them against what it is for. Needs
helm-python-sdk and kubernetes-validate."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import helm_python as helm
import kubernetes_validate
import yaml

ROOT = Path(__file__).parent.parent
CHART = ROOT / "deploy/helm/corecast"
KUBERNETES = "1.30"

LITTLE = {"database": {"url": "postgres://corecast:secret@db.example/corecast"}}
ALL = {
    "replicas": 3,
    "database": {"existingSecret": "corecast-db", "key": "dsn"},
    "environment": [{"name": "CORECAST__LOG__FORMAT", "value": "json"}],
    "pullSecrets": [{"name": "registry"}],
    "service": {"type": "LoadBalancer", "annotations": {"example.com/internal": "true"}},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "voice", "operator": "Exists"}],
    "podAnnotations": {"example.com/team": "voice"},
    "networkPolicy": {"clients": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
    "serviceMonitor": {"enabled": True, "site": "hq", "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboards": {"enabled": True},
}
WRONG = {
    "no database": {},
    "a database that copies cannot share": {"database": {"url": "sqlite://corecast.db"}},
    "a configuration without cores": LITTLE | {"configuration": "[limits]\n"},
    "no copies": LITTLE | {"replicas": 0},
    "a key that nothing reads": LITTLE | {"replicaCount": 2},
}


def rendered(values):
    """All manifests, by kind and name."""
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name="voice", namespace="voice")
    texts = [text for path, text in files.items() if path.endswith(".yaml")]
    manifests = [each for text in texts for each in yaml.safe_load_all(text) if each]
    return {(each["kind"], each["metadata"]["name"]): each for each in manifests}


def lint(values):
    report = helm.lint(CHART, values, strict=True)
    # A chart without an icon is information, not a fault.
    faults = [each for each in report["messages"] if each["severity"] > 1] + report["errors"]
    return [f"lint: {fault}" for fault in faults]


def valid(manifests):
    """What Kubernetes' schemas say. They do not have the Prometheus operator's kinds: those are compared below."""
    faults = []
    for (kind, name), manifest in manifests.items():
        if manifest["apiVersion"].startswith("monitoring.coreos.com/"):
            continue
        try:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            faults.append(f"{kind} {name}: {error.message}")
    return faults


def selected(manifests):
    """Selectors that do not select the pods of the deployment."""
    deployment = manifests["Deployment", "voice-corecast"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = {"Deployment": deployment["selector"]["matchLabels"]}
    for (kind, name), manifest in manifests.items():
        spec = manifest.get("spec", {})
        selector = {"Service": spec.get("selector"), "PodDisruptionBudget": spec.get("selector", {}).get("matchLabels"),
                    "NetworkPolicy": spec.get("podSelector", {}).get("matchLabels")}.get(kind)
        if selector is not None:
            selectors[f"{kind} {name}"] = selector
    return [f"{what} selects other pods" for what, each in selectors.items() if not each.items() <= labels.items()]


def configured(manifests, corecast):
    """The configuration as the proxy itself reads it, with the variables that the pod would have."""
    container = manifests["Deployment", "voice-corecast"]["spec"]["template"]["spec"]["containers"][0]
    secret = "postgres://corecast@db.example/corecast"
    environment = {each["name"]: each.get("value", secret) for each in container["env"]}
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(manifests["ConfigMap", "voice-corecast"]["data"]["corecast.toml"])
        file.flush()
        command = [corecast, "check", "--config", file.name]
        told = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    return [] if told.returncode == 0 else [told.stderr]


def watched(manifests):
    """Rules and dashboards that are not those of dashboards/, and a monitor that would find no service."""
    folder, faults = ROOT / "dashboards", []
    groups = [group for name in ("rules", "alerts")
              for group in yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))["groups"]]
    if manifests["PrometheusRule", "voice-corecast"]["spec"]["groups"] != groups:
        faults.append("the PrometheusRule has other rules than dashboards/")
    for path in folder.glob("*.json"):
        data = manifests["ConfigMap", f"voice-corecast-dashboard-{path.stem}"]["data"][path.name]
        if data.strip() != path.read_text(encoding="utf-8").strip():
            faults.append(f"the config map of {path.name} has another dashboard")
    monitor = manifests["ServiceMonitor", "voice-corecast"]["spec"]
    wanted = monitor["selector"]["matchLabels"].items()
    found = [each for (kind, _), each in manifests.items()
             if kind == "Service" and wanted <= each["metadata"]["labels"].items()]
    if [service["metadata"]["name"] for service in found] != ["voice-corecast-admin"]:
        faults.append(f"the ServiceMonitor finds not the admin service alone, but {found}")
    elif monitor["endpoints"][0]["port"] not in [port["name"] for port in found[0]["spec"]["ports"]]:
        faults.append("the ServiceMonitor finds no port")
    return faults


def versions():
    """Where the chart or the laboratory of containers name another version than the program has."""
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    lab = ROOT / "deploy/compose/compose.yaml"
    named = {CHART / "Chart.yaml": f"appVersion: {version}\n", lab: f"corecast:{version}\n"}
    return [f"{path.name} is not about version {version}" for path, words in named.items()
            if words not in path.read_text(encoding="utf-8")]


def refused():
    """Wrong values that are taken all the same."""
    faults = []
    for what, values in WRONG.items():
        try:
            rendered(values)
        except helm.HelmError:
            continue
        faults.append(f"{what} is taken")
    return faults


def main():
    corecast, faults, count = Path(sys.argv[1]).resolve(), refused() + versions(), 0
    for values in (LITTLE, ALL):
        manifests = rendered(values)
        count += len(manifests)
        faults += lint(values) + valid(manifests) + selected(manifests) + configured(manifests, corecast)
    faults += watched(manifests)
    if ("PodDisruptionBudget", "voice-corecast") not in manifests:
        faults.append("there is no disruption budget")
    if faults:
        sys.exit("\n".join(faults))
    print(f"{count} manifests are what Kubernetes {KUBERNETES} takes")


if __name__ == "__main__":
    main()
