"""What is measured: programs on free ports of this machine, all of them ended when the script ends."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
PROFILE = os.environ.get("CORECAST_BENCH_PROFILE", "release")
BUILT = TREE / "target" / {"dev": "debug"}.get(PROFILE, PROFILE)
CORECAST = BUILT / "corecast"
NGINX = TREE / "target" / "nginx"
NGINX_PACKAGES = [
    "nginx",
    "nginx-common",
    "libnginx-mod-http-ndk",
    "libnginx-mod-http-lua",
    "lua-resty-core",
    "lua-resty-lrucache",
    "libluajit2-5.1-2",
    "libpcre3",
]


def build():
    """Builds what is measured, in the profile that CORECAST_BENCH_PROFILE names."""
    command = ["cargo", "build", "--locked", "--profile", PROFILE, "--bin", "corecast", "--examples"]
    subprocess.run(command, cwd=TREE, check=True)


def install_nginx():
    """Unpacks Debian's nginx with Lua below target/, so that no service of the system is touched."""
    if (NGINX / "usr/sbin/nginx").exists():
        return
    NGINX.mkdir(parents=True, exist_ok=True)
    download = ["apt-get", "-qq", "download", *NGINX_PACKAGES]
    if subprocess.run(download, cwd=NGINX, stderr=subprocess.DEVNULL).returncode != 0:
        as_root = [] if os.getuid() == 0 else ["sudo"]
        subprocess.run([*as_root, "apt-get", "-qq", "update"], check=True)
        subprocess.run(download, cwd=NGINX, check=True)
    for package in NGINX.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, NGINX], check=True)


def free_address():
    """An address of this machine that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


class Proxy:
    """A program that fans out: where it listens, and its process."""

    def __init__(self, process, api=None, webapi=None):
        self.process, self.api, self.webapi = process, api, webapi

    @property
    def pid(self):
        return self.process.pid

    def memory(self):
        """What it holds of the machine's memory, in KiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


class Rig:
    """Everything that was started, and a folder for it. Use it with `with`."""

    def __init__(self):
        self.processes = []
        self.scratch = None

    def __enter__(self):
        self.scratch = Path(tempfile.mkdtemp(prefix="corecast-compare-"))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.scratch)

    def start(self, command, on_cpu=None, **more):
        """Starts a program, on one CPU where the machine has several: proxies on the first, all else on the others."""
        cpus = os.sched_getaffinity(0)
        pin = None
        if len(cpus) > 1:
            first = min(cpus)
            chosen = {first} if on_cpu == "proxy" else cpus - {first}
            pin = lambda: os.sched_setaffinity(0, chosen)
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=self.scratch,
            stdin=subprocess.DEVNULL,
            preexec_fn=pin,
            text=True,
            **more,
        )
        self.processes.append(process)
        return process

    def stop(self, *processes):
        """Ends some before the others."""
        for process in processes:
            process.kill()
            process.wait()
            self.processes.remove(process)

    def cores(self, count, *manner):
        """So many simulated cores in one process: the process, and their addresses."""
        process = self.start([BUILT / "examples/echo_cores", count, *manner], stdout=subprocess.PIPE)
        return process, [process.stdout.readline().strip() for _ in range(count)]

    def bare(self, name, cores):
        """One of the two bare fan-outs."""
        command = [BUILT / "examples" / name, "127.0.0.1:0", *cores]
        process = self.start(command, on_cpu="proxy", stdout=subprocess.PIPE)
        return Proxy(process, api=process.stdout.readline().split()[-1])

    def nginx(self, cores):
        """nginx with Lua."""
        address, scratch = free_address(), tempfile.mkdtemp(dir=self.scratch)
        tables = ", ".join('{{ "{}", {} }}'.format(*core.rsplit(":", 1)) for core in cores)
        text = (Path(__file__).parent / "nginx.conf").read_text()
        for name, value in {"SCRATCH": scratch, "ROOT": NGINX, "LISTEN": address, "CORES": tables}.items():
            text = text.replace(f"@{name}@", str(value))
        file = Path(scratch) / "nginx.conf"
        file.write_text(text)
        libraries = ":".join(map(str, NGINX.glob("usr/lib/*-linux-gnu")))
        command = [NGINX / "usr/sbin/nginx", "-p", scratch, "-e", "stderr", "-c", file]
        process = self.start(command, on_cpu="proxy", env={**os.environ, "LD_LIBRARY_PATH": libraries})
        wait_for(address, process)
        return Proxy(process, webapi=address)

    def configuration(self, cores, rules=None):
        """A configuration of Corecast on one thread, like the others, with these cores; its file. Rules are of devices
        and owners; without any, devices 7000-7999 belong to all cores."""
        rules = {"7000-7999": range(1, len(cores) + 1)} if rules is None else rules
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        lines = [
            '[listen]\napi = "127.0.0.1:0"\nwebapi = "127.0.0.1:0"\nadmin = "127.0.0.1:0"',
            "[limits]\nmax_connections = 20000",
            f'[directory]\nurl = "sqlite://{folder}/corecast.db"',
            f'[media]\nurl = "file://{folder}/recordings"',
            '[runtime]\nthreads = 1\n[log]\nformat = "json"',
        ]
        for devices, owners in rules.items():
            lines.append(f'[[route.rule]]\ndevices = "{devices}"\ncores = {list(owners)}')
        for number, core in enumerate(cores, 1):
            lines.append(f'[[core]]\nid = {number}\naddress = "{core}"\nconnections = 1\npipeline = 256')
        file = folder / "corecast.toml"
        file.write_text("\n".join(lines) + "\n")
        return file

    def corecast(self, cores, rules=None, file=None):
        """Corecast with these cores, or with a configuration that is there."""
        file = file or self.configuration(cores, rules)
        command = [CORECAST, "serve", "--config", file]
        log = open(f"{file}.log", "w+")
        process = self.start(command, on_cpu="proxy", stderr=log)
        line = wait_for_line(f"{file}.log", '"message":"serving"', process)
        return Proxy(process, api=line["api"], webapi=line["webapi"])


def wait_for(address, process):
    """Until somebody listens there."""
    host, port = address.rsplit(":", 1)
    while process.poll() is None:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
            return
        except ConnectionRefusedError:
            os.sched_yield()
    sys.exit(f"{process.args[0]} did not start")


def wait_for_line(path, words, process):
    """The first log line with these words in it."""
    while process.poll() is None:
        for line in Path(path).read_text().splitlines():
            if words in line:
                return json.loads(line)
        os.sched_yield()
    sys.exit(f"{process.args[0]} did not start:\n{Path(path).read_text()}")
