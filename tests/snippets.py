#!/usr/bin/env python3
"""snippets.py CORECAST: the programs of docs/snippets/, each run against a real proxy and two real cores.

    snippets.py --write          puts them into docs/integrators-guide.md anew

What must hold: the guide shows each file to the byte; each takes a card number only when every owner is silent, also
if a core comes back meanwhile; none does so while a core hangs, when nobody answers, or by another command's answer;
and whatever happens the cores are told to stop."""

import json
import re
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

from lab import Client, Lab, free_ports, get, until

ROOT = Path(__file__).parent.parent
SNIPPETS = ROOT / "docs/snippets"
GUIDE = ROOT / "docs/integrators-guide.md"
SHOWN = re.compile(r"(<!-- snippet: (\S+) -->\n```\w+\n)(?:.*?)(```\n)", re.DOTALL)

# How each is run, and the listener that it speaks to. Those that take no card number stand behind.
PAYMENTS = {
    "payment.py": (("/usr/bin/python3", SNIPPETS / "payment.py"), "api"),
    "payment.mjs": (("node", SNIPPETS / "payment.mjs"), "webapi"),
    "payment.sh": (("sh", SNIPPETS / "payment.sh"), "webapi"),
    "Payment.cs": (("mono", "Payment.exe"), "api"),
}
ASKS, REFUSES = "ASK FOR THE CARD NUMBER", "DO NOT ASK"


def guide():
    """The guide as it should be."""
    def anew(shown):
        return shown[1] + (SNIPPETS / shown[2]).read_text(encoding="utf-8") + shown[3]

    return SHOWN.sub(anew, GUIDE.read_text(encoding="utf-8"))


def faults_of_the_guide():
    text = GUIDE.read_text(encoding="utf-8")
    shown, there = {name for _, name, _ in SHOWN.findall(text)}, {file.name for file in SNIPPETS.iterdir()}
    if shown != there:
        yield f"shown, or there, but not both: {sorted(shown ^ there)}"
    if guide() != text:
        yield "a snippet differs from its file: tests/snippets.py --write"


class Plant:
    """Two cores that remember, and a proxy in front of them."""

    def __init__(self, lab, corecast):
        self.lab = lab
        ports = free_ports(7)
        cores, self.controls = ports[:2], ports[2:4]
        self.ports = dict(zip(("api", "webapi", "admin"), ports[4:]))
        for number, (core, control) in enumerate(zip(cores, self.controls), 1):
            lab.start(f"core-{number}", corecast, "core", "--id", number, "--listen", f"127.0.0.1:{core}",
                      "--control", f"127.0.0.1:{control}")
            until("a core listens", lambda: get(f"http://127.0.0.1:{control}/"))
        listen = "".join(f'{name} = "127.0.0.1:{port}"\n' for name, port in self.ports.items())
        text = "".join(f'[[core]]\nid = {n}\naddress = "127.0.0.1:{port}"\n' for n, port in enumerate(cores, 1))
        text = f'[listen]\n{listen}[directory]\nurl = "sqlite://directory.db"\n{text}'
        lab.start("proxy", corecast, "serve", "--config", lab.write("corecast.toml", text))
        self.has_cores()

    def has_cores(self):
        url = f"http://127.0.0.1:{self.ports['admin']}/api/v1/cores"
        until("the proxy has its cores", lambda: get(url).count(b'"state":"pass"') == 2)

    def fault(self, name):
        """Breaks the second core, or repairs it."""
        url = f"http://127.0.0.1:{self.controls[1]}/fault/{name}"
        urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10).close()

    def begin(self, devices):
        client = Client(self.ports["api"])
        for device in devices:
            if client.ask("CALLSTART", DEVICEID=device) != "API_OK":
                sys.exit(f"{device}: CALLSTART failed")
        client.close()

    def silences(self, number, device):
        """Whether each blackout of a device is on, as a core tells."""
        told = json.loads(get(f"http://127.0.0.1:{self.controls[number]}/"))
        calls = (call for each in told["devices"] if each["id"] == device for call in each["calls"])
        return [blackout["on"] for call in calls for blackout in call["blackouts"]]


class Running:
    """A program under way, and what it has printed so far."""

    def __init__(self, lab, command, *arguments):
        words = [str(word) for word in (*command, *arguments)]
        self.process = subprocess.Popen(words, cwd=lab.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        text=True, encoding="utf-8", start_new_session=True)
        lab.processes.append(self.process)
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout))
        self.reader.start()

    def says(self, text):
        return any(text in line for line in list(self.lines))

    def end(self):
        self.process.wait(60)
        self.reader.join()
        return self.process.returncode


class Liar(StreamRequestHandler):
    """Confirms everything, but as the answer to another request."""

    def handle(self):
        for line in self.rfile:
            is_http = b"HTTP/1.1" in line
            if is_http or b"</REQUEST>" in line:
                answer = b"<RESULT><REQUESTID>99</REQUESTID><RESULTTYPE>API_OK</RESULTTYPE></RESULT>\r\n"
                head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(answer)
                self.wfile.write(head + answer if is_http else answer)
                if is_http:
                    break


class Scene:
    """Every payment program at once, each with a device of its own."""

    def __init__(self, plant, name, ports):
        self.plant, self.name = plant, name
        self.devices = {program: f"{name}-{number}" for number, program in enumerate(PAYMENTS)}
        plant.begin(self.devices.values())
        self.ports = ports

        self.running = {}

    def start(self, *programs):
        for program in programs or PAYMENTS:
            command, listener = PAYMENTS[program]
            self.running[program] = Running(
                self.plant.lab, command, "127.0.0.1", self.ports[listener], self.devices[program])

    def faults(self, asks, stopped=()):
        """What does not hold: whether the number is asked for, and at which cores the blackout is over."""
        for program, running in self.running.items():
            status, told = running.end(), f"{self.name}, {program}:"
            if (status, running.says(ASKS), running.says(REFUSES)) != (0 if asks else 1, asks, not asks):
                yield f"{told} status {status}, and it said {''.join(running.lines)}"
            for number in stopped:
                silences = self.plant.silences(number, self.devices[program])
                if not silences or any(silences):
                    yield f"{told} at core {number + 1} the blackouts that are on: {silences}"


def payments(plant):
    """All that does not hold in all scenes. Those without a proxy need nothing of it and run beside the others."""
    nowhere = dict(zip(("api", "webapi"), free_ports(2)))
    liar = ThreadingTCPServer(("127.0.0.1", 0), Liar)
    liar.daemon_threads = True
    threading.Thread(target=liar.serve_forever, daemon=True).start()
    lied = dict.fromkeys(("api", "webapi"), liar.server_address[1])
    scenes = {name: Scene(plant, name, ports) for name, ports in (
        ("well", plant.ports), ("back", plant.ports), ("hung", plant.ports), ("nobody", nowhere), ("lied", lied))}
    for name in ("nobody", "lied", "well"):
        scenes[name].start()
    faults = list(scenes["well"].faults(asks=True, stopped=(0, 1)))
    for program in PAYMENTS:
        # One after the other: a program that is slow to start must not use up the patience of the others.
        plant.fault("refuse")
        scenes["back"].start(program)
        until(f"{program} is told of it", lambda: scenes["back"].running[program].says("API_PARTIAL_CORE_RESPONSE"))
        plant.fault("none")
        scenes["back"].running[program].end()
        plant.has_cores()
    faults += scenes["back"].faults(asks=True, stopped=(0, 1))
    plant.fault("hang")
    scenes["hung"].start()
    faults += scenes["hung"].faults(asks=False, stopped=(0,))
    for name in ("nobody", "lied"):
        faults += scenes[name].faults(asks=False)
    liar.shutdown()
    plant.fault("none")
    return faults


def pipelined(plant):
    """Many commands at once: each is answered, in order, and what was written is what the cores have."""
    devices = [f"pipelined-{number}" for number in range(200)]
    plant.begin(devices)
    running = Running(plant.lab, ("/usr/bin/python3", SNIPPETS / "pipelined.py"), "127.0.0.1", plant.ports["api"],
                      *devices)
    if running.end() != 0 or [line.split()[:2] for line in running.lines] != [[each, "API_OK"] for each in devices]:
        yield f"pipelined.py said {''.join(running.lines)}"
    if json.dumps("Müller & Söhne <Köln>", ensure_ascii=False).encode() not in get(
            f"http://127.0.0.1:{plant.controls[0]}/"):
        yield "pipelined.py: the core has another USER1"


def main():
    if sys.argv[1:] == ["--write"]:
        GUIDE.write_text(guide(), encoding="utf-8")
        return
    faults = list(faults_of_the_guide())
    with Lab() as lab:
        compiled = subprocess.run(
            ["mcs", "-warnaserror", "-r:System.Xml.dll", f"-out:{lab.folder}/Payment.exe", SNIPPETS / "Payment.cs"],
            capture_output=True, text=True, check=False)
        if compiled.returncode != 0:
            sys.exit(f"Payment.cs: {compiled.stdout}{compiled.stderr}")
        plant = Plant(lab, Path(sys.argv[1]).resolve())
        faults += pipelined(plant)
        faults += payments(plant)
    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(PAYMENTS)} programs ask for a card number when every core is silent, and never else")


if __name__ == "__main__":
    main()
