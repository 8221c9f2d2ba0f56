#!/usr/bin/env python3
"""balancers.py CORECAST: HAProxy and nginx as configured in deploy/, each in front of two real proxies on two real
cores, under load. One proxy is taken out (where the balancer can) and stopped, comes back, and the other is killed.

Each client starts calls on devices of its own, so that the cores' memories tell what became of every command. What
must hold: what was answered API_OK reached every core exactly once; nothing reached a core twice; no more is without
an answer than was under way at a proxy that ended; nothing of the WebAPI if it was taken out first; the other proxy
carries on."""

import csv
import json
import re
import signal
import socket
import sys
import threading
from http.client import HTTPException
from pathlib import Path

from lab import Client, Lab, free_ports, get, until

ROOT = Path(__file__).parent.parent
CLIENTS = 4


class Plant:
    """Two cores, two proxies, and one balancer that is started from its configuration in deploy/."""

    def __init__(self, lab, corecast):
        self.lab, self.corecast = lab, corecast
        ports = free_ports(12)
        self.cores, self.controls = ports[:2], ports[2:4]
        self.proxies = [dict(zip(("api", "webapi", "admin"), ports[n : n + 3])) for n in (4, 7)]
        self.api, self.webapi = ports[10:]
        # They work at once and answer later: what is under way when a proxy ends has mostly been done, so that a
        # balancer that sent it again would be found out.
        for number, (core, control) in enumerate(zip(self.cores, self.controls), 1):
            lab.start(f"core-{number}", corecast, "core", "--id", number, "--record", "none", "--fault", "delay:20ms",
                      "--listen", f"127.0.0.1:{core}", "--control", f"127.0.0.1:{control}")
        for control in self.controls:
            until("a core listens", lambda: get(f"http://127.0.0.1:{control}/"))
        self.running = [self.start_proxy(0), self.start_proxy(1)]

    def start_proxy(self, number):
        """Starts a proxy with a directory of its own, and waits until it is ready and has its cores."""
        listen = "".join(f'{name} = "127.0.0.1:{port}"\n' for name, port in self.proxies[number].items())
        cores = "".join(f'[[core]]\nid = {n + 1}\naddress = "127.0.0.1:{port}"\n' for n, port in enumerate(self.cores))
        name = f"proxy-{number + 1}"
        text = f'[listen]\n{listen}\n[directory]\nurl = "sqlite://{name}.db"\n{cores}'
        started = self.lab.start(name, self.corecast, "serve", "--config", self.lab.write(f"{name}.toml", text))
        admin = f"http://127.0.0.1:{self.proxies[number]['admin']}"
        until(f"{name} is ready", lambda: get(f"{admin}/readyz"))
        until(f"{name} has its cores", lambda: get(f"{admin}/api/v1/cores").count(b'"state":"pass"') == 2)
        return started

    def ask(self):
        """A command over a connection of its own; whether it was answered."""
        client = Client(self.api)
        try:
            return client.ask("TEST") == "API_OK"
        finally:
            client.close()

    def answered(self, number, listener):
        """How many requests a proxy has answered at one listener since it began."""
        text = get(f"http://127.0.0.1:{self.proxies[number]['admin']}/metrics").decode()
        series = rf'^corecast_requests_total\{{.*listener="{listener}"\}} (\S+)$'
        return sum(float(value) for value in re.findall(series, text, re.MULTILINE))

    def has_work(self, name, number):
        """Whether the balancer gives a proxy connections. nginx may send all of one client's HTTP to the other one."""
        listeners = ("api", "webapi") if name == "haproxy" else ("api",)
        return self.ask() and all(self.answered(number, listener) > 3 for listener in listeners)

    def configured(self, text):
        """A configuration of deploy/ with the addresses of this laboratory, and nothing else changed."""
        for number, ports in enumerate(self.proxies, 1):
            for name, port in (("api", 5620), ("webapi", 2012)):
                here = f"127.0.0.1:{ports[name]}"
                check = f" check port {ports['admin']}" if "check port" in text else ""
                server = rf"(server )(corecast-{number} )?corecast-{number}:{port}"
                text = re.sub(server, rf"\1\g<2>{here}{check}", text)
        text = text.replace("default-server check port 9620", "default-server")
        text = text.replace("/run/haproxy", str(self.lab.folder))
        for port, here in ((5620, self.api), (2012, self.webapi)):
            text = re.sub(rf"^(\s*)(bind :|listen ){port}\b", rf"\1\g<2>{here}", text, flags=re.MULTILINE)
        return re.sub(r"\b(bind |listen )(:?)(\d+)", r"\g<1>127.0.0.1:\3", text)

    def start_balancer(self, name):
        """Checks the configuration as the balancer itself does, and starts it."""
        if name == "haproxy":
            file = self.lab.write("haproxy.cfg", self.configured((ROOT / "deploy/haproxy/haproxy.cfg").read_text()))
            commands = ("haproxy", "-c", "-f", file), ("haproxy", "-db", "-f", file)
        else:
            text = self.configured((ROOT / "deploy/nginx/nginx.conf").read_text())
            # Its own folder, and in the foreground: what the service of the package sees to.
            file = self.lab.write("nginx.conf", f"pid {self.lab.folder}/nginx.pid;\ndaemon off;\n{text}")
            nginx = ("nginx", "-e", "stderr", "-p", self.lab.folder, "-c", file)
            commands = (*nginx, "-t"), nginx
        if self.lab.start(name, *commands[0]).wait(20) != 0:
            sys.exit(f"{name} refuses its configuration")
        balancer = self.lab.start(name, *commands[1])
        until(f"{name} answers", self.ask)
        return balancer

    def tell(self, command):
        """What HAProxy answers at its admin socket."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.lab.folder / "admin.sock"))
            admin.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: admin.recv(4096), b"")).decode()

    def put(self, number, state):
        """Tells HAProxy to leave a proxy out ("drain") or to use it again ("ready")."""
        for back in ("api", "webapi"):
            complaint = self.tell(f"set server {back}/corecast-{number + 1} state {state}").strip()
            if complaint:
                sys.exit(f"HAProxy: {complaint}")

    def sessions(self, number):
        """How many requests of the WebAPI HAProxy has under way at a proxy."""
        head, *rows = csv.reader(self.tell("show stat").removeprefix("# ").splitlines())
        servers = {(row[0], row[1]): dict(zip(head, row)) for row in rows if row}
        return int(servers["webapi", f"corecast-{number + 1}"]["scur"])

    def calls(self, number):
        """How many calls a core remembers of each device."""
        told = json.loads(get(f"http://127.0.0.1:{self.controls[number]}/"))
        return {device["id"]: len(device["calls"]) for device in told["devices"]}


class Load:
    """Clients that start calls, each on a new device; what became of each command is written down."""

    def __init__(self, plant):
        self.plant, self.over = plant, threading.Event()
        self.answers, self.unanswered = {}, []
        self.threads = [
            threading.Thread(target=talk, args=(number,))
            for talk in (self.over_tcp, self.over_http) for number in range(CLIENTS)
        ]
        [thread.start() for thread in self.threads]

    def devices(self, prefix, number):
        """New devices until it is over; a breath in between, so that a laboratory's cores can keep up."""
        count = 0
        while not self.over.wait(0.01):
            count += 1
            yield f"{prefix}{number}-{count}"

    def over_tcp(self, number):
        client = None
        for device in self.devices("t", number):
            try:
                if client and client.closed():
                    client = client.close()
                client = client or Client(self.plant.api)
                self.answers[device] = client.ask("CALLSTART", DEVICEID=device)
            except OSError:
                self.unanswered.append(device)
                client = client and client.close()

    def over_http(self, number):
        for device in self.devices("h", number):
            url = f"http://127.0.0.1:{self.plant.webapi}/webAPI.aspx?type=callstart&requestid=1&deviceid={device}"
            try:
                self.answers[device] = re.search(rb"<RESULTTYPE>(\w+)", get(url))[1].decode()
            except (OSError, HTTPException):
                # Also where the balancer says 502: it does not know more than its client.
                self.unanswered.append(device)

    def more(self, count=200):
        """Waits until so many more commands have been answered."""
        goal = len(self.answers) + count
        until(f"{count} more answers", lambda: len(self.answers) >= goal)

    def end(self):
        self.over.set()
        [thread.join() for thread in self.threads]


def stop(plant, load, end):
    """Ends a proxy under load; gives the commands that this left without an answer."""
    before = len(load.unanswered)
    end()
    load.more()
    return load.unanswered[before:]


def disturb(name, plant, load):
    """Stops one proxy, has it back, and kills the other; gives what each has left without an answer."""
    load.more()
    steady = list(load.unanswered)
    if name == "haproxy":
        plant.put(0, "drain")
        until("nothing is under way there", lambda: plant.sessions(0) == 0)
    stopped = stop(plant, load, lambda: plant.lab.end(plant.running[0]))
    if plant.running[0].returncode != 0:
        sys.exit("the drain did not end with status 0")
    plant.running[0] = plant.start_proxy(0)
    if name == "haproxy":
        plant.put(0, "ready")
    until("the one that is back has work", lambda: plant.has_work(name, 0))
    killed = stop(plant, load, lambda: plant.lab.end(plant.running[1], signal.SIGKILL))
    return steady, stopped, killed


def judge(name, load, cores, steady, stopped, killed):
    """What does not hold; `cores` is how many calls each core remembers of each device."""
    faults = []
    for device, answer in load.answers.items():
        there = [core.get(device, 0) for core in cores]
        if answer != "API_OK" or there != [1, 1]:
            faults.append(f"{device} was answered {answer}, and is {there} times at the cores")
    faults += [f"{device} is there {n} times" for core in cores for device, n in core.items() if n > 1]
    if steady:
        faults.append(f"without an answer while nothing ended: {steady}")
    # One for each client, over TCP and over HTTP, and one more that is taken in by a listener about to close.
    if max(len(stopped), len(killed)) > 2 * 2 * CLIENTS:
        faults.append(f"more without an answer than were under way: {stopped}, {killed}")
    if name == "haproxy" and any(device.startswith("h") for device in stopped):
        faults.append(f"taken out before it was stopped, and yet without an answer: {stopped}")
    return faults


def run(name, corecast):
    with Lab() as lab:
        plant = Plant(lab, corecast)
        plant.start_balancer(name)
        load = Load(plant)
        try:
            ends = disturb(name, plant, load)
        finally:
            load.end()
        cores = [plant.calls(0), plant.calls(1)]
    faults = judge(name, load, cores, *ends)
    if faults:
        sys.exit("\n".join(f"{name}: {fault}" for fault in faults))
    _, stopped, killed = ends
    done = sum(cores[0].get(device, 0) for device in load.unanswered)
    print(f"{name}: {len(load.answers)} commands answered API_OK, each once at every core; without an answer"
          f" {len(stopped)} when a proxy was stopped and {len(killed)} when one was killed ({done} of them were done)")


def main():
    for name in ("haproxy", "nginx"):
        run(name, Path(sys.argv[1]).resolve())


if __name__ == "__main__":
    main()
