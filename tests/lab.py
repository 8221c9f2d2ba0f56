"""What the Python tests have in common: real processes on free loopback ports, conditions that are waited for, and an
end to everything that was started. Python's own library only."""

import os
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path


def free_ports(count):
    """Ports that nobody listens at. They are held together until all are found, so they differ."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def until(what, condition, patience=30.0):
    """Waits for a condition and gives its value; OSError means that what it asks is not there yet."""
    end, said = time.monotonic() + patience, None
    while time.monotonic() < end:
        try:
            value = condition()
            if value:
                return value
        except OSError as error:
            said = error
        time.sleep(0.05)
    raise SystemExit(f"not within {patience:.0f} s: {what}{f' ({said})' if said else ''}")


def get(url, timeout=10.0):
    """The body of a GET; OSError (HTTPError among them) where there is none."""
    with urllib.request.urlopen(url, timeout=timeout) as response:
        return response.read()


class Lab:
    """A folder and processes; both are gone when it ends."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="corecast-")
        self.folder = Path(self._folder.name)
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for each in reversed(self.processes):
            self.end(each, signal.SIGKILL)
        if kind is not None:
            for log in sorted(self.folder.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}")
        self._folder.cleanup()

    def start(self, name, *command, **environment):
        """Starts a program; what it says goes to NAME.log."""
        with (self.folder / f"{name}.log").open("ab") as log:
            started = subprocess.Popen(
                [str(word) for word in command], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env=os.environ | environment,
            )
        self.processes.append(started)
        return started

    def end(self, process, how=signal.SIGTERM):
        """Ends a program and its children, and waits until it has; gives its status."""
        if process.poll() is None:
            os.killpg(process.pid, how)
        return process.wait(20)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


class Client:
    """A connection to an API socket, one command at a time."""

    def __init__(self, port, timeout=10.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)

    def ask(self, kind, **parameters):
        """Sends a command and gives RESULTTYPE; OSError if the connection ends before the answer."""
        fields = "".join(f"<{key}>{value}</{key}>" for key, value in parameters.items())
        self.socket.sendall(f"<REQUEST><TYPE>{kind}</TYPE><REQUESTID>1</REQUESTID>{fields}</REQUEST>\r\n".encode())
        answer = b""
        while b"</RESULT>" not in answer:
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionResetError("the connection ended without an answer")
            answer += piece
        return answer.split(b"<RESULTTYPE>")[1].split(b"<")[0].decode()

    def closed(self):
        """Whether the other side has closed it. Look before each command: one sent after that is lost for sure."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def close(self):
        self.socket.close()


class Talk:
    """Clients that talk until it is over, and connect anew where a connection ends. Whoever makes one says what is said:
    converse(client, number), over and over."""

    def __init__(self, port, count):
        self.port, self.over = port, threading.Event()
        self.threads = [threading.Thread(target=self.talk, args=[number]) for number in range(count)]
        [thread.start() for thread in self.threads]

    def talk(self, number):
        while not self.over.is_set():
            try:
                client = Client(self.port)
                while not self.over.is_set():
                    self.converse(client, number)
                client.close()
            except OSError:
                self.over.wait(0.1)

    def end(self):
        self.over.set()
        [thread.join() for thread in self.threads]
