"""A real headless Chromium, spoken to as the WebDriver standard has it. Python's own library only."""

import base64
import json
import os
import urllib.error
import urllib.request

from lab import free_ports, get, until

ARGUMENTS = [
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--lang=en",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

ENTER, ESCAPE, TAB, SPACE = "\ue007", "\ue00c", "\ue004", "\ue00d"


class Refused(Exception):
    """What the driver says that it cannot do."""


class Browser:
    """One window of a browser with an empty profile of its own."""

    def __init__(self, lab):
        port, = free_ports(1)
        self.driver = f"http://127.0.0.1:{port}"
        lab.start("chromedriver", "chromedriver", f"--port={port}")
        until("chromedriver is ready", lambda: json.loads(get(f"{self.driver}/status"))["value"]["ready"])
        sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
        options = {"binary": "/usr/bin/chromium",
                   "args": [*ARGUMENTS, *sandbox, f"--user-data-dir={lab.folder / 'profile'}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.session = ""
        made = self.tell("POST", "/session", capabilities={"alwaysMatch": wanted})
        self.session = f"/session/{made['sessionId']}"

    def tell(self, method, path, **body):
        """One command of the standard."""
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(f"{self.driver}{getattr(self, 'session', '')}{path}", data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.loads(response.read())["value"]
        except urllib.error.HTTPError as error:
            raise Refused(json.loads(error.read())["value"]["message"]) from None

    def chrome(self, command, **parameters):
        """One command of Chromium's own."""
        return self.tell("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    def open(self, url):
        self.tell("POST", "/url", url=url)

    def run(self, script, *arguments):
        """What a script returns; a promise is waited for."""
        return self.tell("POST", "/execute/sync", script=script, args=list(arguments))

    def text(self, selector):
        """The visible text of the first such element; empty if there is none."""
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def element(self, selector):
        return self.tell("POST", "/element", using="css selector", value=selector)[ELEMENT]

    def click(self, selector):
        self.tell("POST", f"/element/{self.element(selector)}/click")

    def type(self, selector, text):
        self.tell("POST", f"/element/{self.element(selector)}/value", text=text)

    def role_and_name(self, selector):
        """What a screen reader would be told of an element."""
        element = self.element(selector)
        return [self.tell("GET", f"/element/{element}/computed{what}") for what in ("role", "label")]

    def press(self, *keys):
        """Presses keys, wherever the focus is."""
        steps = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.tell("POST", "/actions", actions=[{"type": "key", "id": "keyboard", "actions": steps}])

    def size(self, width, height, scale=1):
        phone = width < 600
        self.chrome("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone)

    def prefer(self, **features):
        """What the person prefers, as `prefers_color_scheme="dark"`."""
        wanted = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.chrome("Emulation.setEmulatedMedia", features=wanted)

    def picture(self, path, whole=False):
        """Writes a picture of what is seen, or of the whole page."""
        taken = self.chrome("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))

    def console(self):
        """What the console says is wrong, since it was asked last."""
        said = self.tell("POST", "/se/log", type="browser")
        return [line["message"] for line in said if line["level"] in ("SEVERE", "WARNING")]

    def requested(self):
        """The addresses of everything that was asked for, since it was asked last."""
        events = [json.loads(line["message"])["message"] for line in self.tell("POST", "/se/log", type="performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
