"""The measurements. Each gives plain data: numbers by name, ready for JSON."""

import json
import re
import resource
import socket
import statistics
import subprocess
import time

import rig as rigs

# What is asked in every measurement unless it says otherwise.
DEVICES = "7000-7999"
MIX = "CALLUPDATE=1"
# The same with blackouts, which also have their entries in the ledger.
BLACKOUTS = "BLACKOUTSTART=1,BLACKOUTSTOP=1,CALLUPDATE=8"


class Lengths:
    """How long, how often and how much is measured."""

    def __init__(self, quick):
        self.quick = quick
        self.seconds = 1 if quick else 2
        self.rounds = 1 if quick else 5
        self.cores = [1, 4] if quick else [1, 2, 4, 8, 16, 32, 64]
        self.devices = [1, 10_000] if quick else [1, 1_000, 100_000, 1_000_000]
        self.configured = [3, 50] if quick else [3, 10, 100, 1_000]
        self.idle = 500 if quick else 10_000
        self.soak = 10 if quick else 600
        self.shares = [0.2, 0.5, 0.8] if quick else [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def many_files():
    """As many open files as this user may have: clients need one each."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def bench_command(address, pid, seconds, more):
    usual = {"--devices": DEVICES, "--mix": MIX}
    usual = [part for name, value in usual.items() if name not in more for part in (name, value)]
    command = [rigs.CORECAST, "bench", address, "--json", "--duration", f"{seconds}s", "--cpu-of", pid]
    return [str(part) for part in [*command, *usual, *more]]


def bench(rig, proxy, seconds, *more, over="api"):
    """One load on a proxy; what `corecast bench --json` says of it."""
    address = getattr(proxy, over)
    more = [*more, "--http"] if over == "webapi" else more
    process = rig.start(bench_command(address, proxy.pid, seconds, more), stdout=subprocess.PIPE)
    said, _ = process.communicate()
    rig.processes.remove(process)
    if not said:
        raise SystemExit(f"no load could be put on {address}")
    return json.loads(said)["results"][0]


def check(result):
    """A figure of a load that was not answered is no figure."""
    if result["answers"] == 0 or set(result["results"]) != {"API_OK"}:
        raise SystemExit(f"not every answer was API_OK: {result}")
    return result


def median(results, *path):
    """The median over some rounds of one of their figures."""

    def value(result):
        for name in path:
            result = result[name]
        return result

    return statistics.median(map(value, results))


def in_turn(rounds, contestants, measure):
    """Measures each contestant once in every round, so that what else the machine does hits all alike."""
    results = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            results[name].append(check(measure(*contestant)))
    return results


def table(lengths, cores=8):
    """CPU, latency and memory of everything that fans out, in one run."""
    figures = {}
    with rigs.Rig() as rig:
        _, addresses = rig.cores(cores)
        corecast = rig.corecast(addresses)
        # Of its own, since what the ledger still has to write is not to be counted with what comes next.
        with_blackouts = rig.corecast(addresses)
        contestants = {
            "bare, pipelined": (rig.bare("bare_pipelined", addresses), "api", MIX),
            "bare, a connection per client and core": (rig.bare("bare_connection", addresses), "api", MIX),
            "Corecast over TCP": (corecast, "api", MIX),
            "Corecast over HTTP": (corecast, "webapi", MIX),
            "nginx with Lua over HTTP": (rig.nginx(addresses), "webapi", MIX),
            "Corecast over TCP, every fifth a blackout": (with_blackouts, "api", BLACKOUTS),
        }

        def closed(connections):
            return lambda proxy, over, mix: bench(
                rig, proxy, lengths.seconds, "--closed", "--connections", connections, "--mix", mix, over=over
            )

        many = in_turn(lengths.rounds, contestants, closed(64))
        alone = in_turn(lengths.rounds, contestants, closed(1))
        for name in contestants:
            figures[name] = {
                "cpu_us": median(many[name], "cpu_us"),
                "per_second": median(many[name], "per_second"),
                "p50_us": median(many[name], "latency_us", "p50"),
                "p99_us": median(many[name], "latency_us", "p99"),
                "alone_p50_us": median(alone[name], "latency_us", "p50"),
                "alone_p99_us": median(alone[name], "latency_us", "p99"),
                "alone_cpu_us": median(alone[name], "cpu_us"),
            }
    return {"cores": cores, "contestants": figures}


class Clients:
    """Clients that have asked once and are idle now."""

    REQUEST = (
        b"<REQUEST><TYPE>CALLUPDATE</TYPE><REQUESTID>1</REQUESTID><DEVICEID>7001</DEVICEID></REQUEST>\r\n"
    )

    def __init__(self, address, count):
        host, port = address.rsplit(":", 1)
        self.sockets = [self.client((host, int(port))) for _ in range(count)]

    def client(self, address):
        client = socket.create_connection(address, timeout=10)
        client.sendall(self.REQUEST)
        answer = b""
        while not answer.endswith(b"</RESULT>\r\n"):
            piece = client.recv(65536)
            if not piece:
                raise SystemExit("a client was sent away")
            answer += piece
        return client

    def close(self):
        for client in self.sockets:
            client.close()


def memory(lengths):
    """What idle clients cost, and that so many are served."""
    results = {}
    for name in ["bare, pipelined", "Corecast over TCP"]:
        with rigs.Rig() as rig:
            _, addresses = rig.cores(3)
            proxy = (
                rig.corecast(addresses)
                if name.startswith("Corecast")
                else rig.bare("bare_pipelined", addresses)
            )
            Clients(proxy.api, 1).close()
            idle = proxy.memory()
            clients = Clients(proxy.api, 1_000)
            thousand = proxy.memory()
            more = Clients(proxy.api, max(0, lengths.idle - 1_000))
            results[name] = {
                "idle_kib": idle,
                "thousand_kib": thousand,
                "per_client_kib": (thousand - idle) / 1_000,
                "clients": 1_000 + len(more.sockets),
                "clients_kib": proxy.memory(),
                "p50_us_beside": check(bench(rig, proxy, lengths.seconds, "--connections", 8, "--rate", 200))[
                    "latency_us"
                ]["p50"],
            }
            clients.close()
            more.close()
    return results


def cores(lengths):
    """CPU per request against the cores that a command goes to."""
    points = []
    for count in lengths.cores:
        with rigs.Rig() as rig:
            _, addresses = rig.cores(count)
            contestants = {
                "bare": (rig.bare("bare_pipelined", addresses),),
                "corecast": (rig.corecast(addresses),),
            }
            results = in_turn(
                lengths.rounds, contestants, lambda proxy: bench(rig, proxy, lengths.seconds, "--closed")
            )
            points.append({"cores": count, **{name: median(results[name], "cpu_us") for name in contestants}})
    return points


def devices(lengths):
    """CPU per request against the devices in the directory, all of which are asked about."""
    points = []
    for count in lengths.devices:
        with rigs.Rig() as rig:
            _, addresses = rig.cores(3)
            file = rig.configuration(addresses)
            first = 2_000_000
            rows = file.with_name("devices.csv")
            rows.write_text("DEVICEID,CORES\n" + "".join(f'{first + at},"1,2,3"\n' for at in range(count)))
            command = [rigs.CORECAST, "directory", "import", "--config", file, rows]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=rig.scratch)
            proxy = rig.corecast(addresses, file=file)
            wanted = ["--closed", "--devices", f"{first}-{first + count - 1}"]
            results = [check(bench(rig, proxy, lengths.seconds, *wanted)) for _ in range(lengths.rounds)]
            points.append(
                {"devices": count, "cpu_us": median(results, "cpu_us"), "memory_kib": proxy.memory()}
            )
    return points


def configured(lengths):
    """CPU per request to three cores against the cores that are configured."""
    points = []
    for count in lengths.configured:
        with rigs.Rig() as rig:
            _, addresses = rig.cores(count)
            proxy = rig.corecast(addresses, rules={DEVICES: [1, 2, 3]})
            results = [check(bench(rig, proxy, lengths.seconds, "--closed")) for _ in range(lengths.rounds)]
            points.append({"configured": count, "cpu_us": median(results, "cpu_us")})
    return points


def saturation(rig, proxy, lengths, mix=MIX):
    """The rate that a proxy reaches, in requests a second."""
    return check(bench(rig, proxy, lengths.seconds, "--closed", "--mix", mix))["per_second"]


def hung(lengths):
    """Latency of what goes to seven cores, while an eighth that is asked too hangs, and while it does not."""
    with rigs.Rig() as rig:
        rules = {DEVICES: range(1, 8), "8000-8999": [8]}
        proxies = {
            "healthy": rig.corecast(rig.cores(8)[1], rules),
            "hung": rig.corecast(rig.cores(8, "hang=8")[1], rules),
        }
        rate = round(saturation(rig, proxies["healthy"], lengths) / 4)
        results = {name: [] for name in proxies}
        for _ in range(lengths.rounds):
            for name, proxy in proxies.items():
                aside = ["--devices", "8000-8999", "--rate", 50, "--connections", 16, "--mix", "CALLUPDATE"]
                command = bench_command(proxy.api, proxy.pid, lengths.seconds + 2, aside)
                beside = rig.start(command, stdout=subprocess.DEVNULL)
                time.sleep(1)
                results[name].append(check(bench(rig, proxy, lengths.seconds, "--rate", rate)))
                rig.stop(beside)
    return {
        name: {quantile: median(rounds, "latency_us", quantile) for quantile in ["p50", "p99"]}
        for name, rounds in results.items()
    }


def soak(lengths):
    """Memory under half of the saturating rate, once a second."""
    with rigs.Rig() as rig:
        proxy = rig.corecast(rig.cores(3)[1])
        rate = round(saturation(rig, proxy, lengths, BLACKOUTS) / 2)
        load = rig.start(
            bench_command(proxy.api, proxy.pid, lengths.soak, ["--rate", rate, "--mix", BLACKOUTS]), stdout=subprocess.PIPE
        )
        samples = []
        while load.poll() is None:
            time.sleep(1)
            samples.append(proxy.memory())
        result = json.loads(load.stdout.read())["results"][0]
        begun = samples[len(samples) // 10]
        return {
            "rate": rate,
            "seconds": lengths.soak,
            "answers": result["answers"],
            "kib": samples,
            "begun_kib": begun,
            "ended_kib": samples[-1],
            "latency_us": result["latency_us"],
        }


def load(lengths):
    """Latency against the offered rate, three cores: bare and Corecast, and what the latter adds at half of its
    saturating rate."""
    with rigs.Rig() as rig:
        _, addresses = rig.cores(3)
        proxies = {"bare": rig.bare("bare_pipelined", addresses), "corecast": rig.corecast(addresses)}
        reached = {name: saturation(rig, proxy, lengths) for name, proxy in proxies.items()}
        points = []
        for share in lengths.shares:
            rate = round(reached["corecast"] * share)
            contestants = {name: (proxy,) for name, proxy in proxies.items()}
            results = in_turn(
                lengths.rounds, contestants, lambda proxy: bench(rig, proxy, lengths.seconds, "--rate", rate)
            )
            point = {"share": share, "rate": rate}
            for name, rounds in results.items():
                point[name] = {
                    quantile: median(rounds, "latency_us", quantile) for quantile in ["p50", "p99", "p99.9"]
                }
            points.append(point)
    return {"saturation": reached, "points": points}


def allocations(_):
    """What a request allocates, as the test says."""
    command = ["cargo", "test", "--locked", "--quiet", "--test", "allocations", "--", "--nocapture"]
    said = subprocess.run(command, cwd=rigs.TREE, check=True, stdout=subprocess.PIPE, text=True).stdout
    rows = [re.split(r"\s{2,}", line.strip()) for line in said.splitlines() if " over " in line]
    return [{"what": row[0], "allocations": float(row[1]), "bytes": int(row[2])} for row in rows]


def hot_path(_):
    """What each step costs, as the bench says."""
    command = ["cargo", "bench", "--locked", "--quiet", "--bench", "hot_path"]
    said = subprocess.run(command, cwd=rigs.TREE, check=True, stdout=subprocess.PIPE, text=True).stdout
    rows = [line.split(None, 3) for line in said.splitlines()[1:] if line]
    return [
        {"step": row[0], "what": row[3], "instructions": int(row[1]), "allocations": float(row[2])}
        for row in rows
    ]


ALL = [table, memory, cores, devices, configured, hung, load, soak, allocations, hot_path]
