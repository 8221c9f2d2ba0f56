#!/usr/bin/env python3
"""page.py CORECAST [PICTURE]: the live page in a real Chromium, in front of a real proxy with three real cores: one is
broken and repaired, one is drained and enabled; dark and light, a phone, the keyboard, what a screen reader is told. With
PICTURE it writes a picture of the page for the README as well."""

import importlib.util
import itertools
import json
import math
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from browser import ENTER, ESCAPE, TAB, Browser
from lab import Client, Lab, Talk, free_ports, get, until

TOKEN = "a-token-of-this-laboratory"

SCREENS = {"light": (1360, 900, "light"), "dark": (1360, 900, "dark"),
           "phone": (375, 812, "light"), "phone-dark": (375, 812, "dark"), "narrow": (320, 640, "light"), "tablet": (800, 1000, "light"),
           "small": (1000, 700, "dark")}

# Everything that takes part in being wider than the window.
TOO_WIDE = """const width = document.documentElement.clientWidth;
return [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > width + 1
    && !e.closest("details:not([open]) > :not(summary)") && getComputedStyle(e).clipPath === "none"
    && !e.closest("thead, .hidden, svg")).map((e) => e.outerHTML.slice(0, 80))"""

# What has the focus, and whether that is seen.
FOCUSED = """const e = document.activeElement, style = getComputedStyle(e);
return [e.getAttribute("aria-label") || e.id || e.textContent.trim().slice(0, 40), e.tagName,
    style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2]"""


class Calls(Talk):
    """Clients with calls, each with a blackout in it, that swell and ebb."""

    def __init__(self, port):
        self.devices = [itertools.cycle(range(40)) for _ in range(3)]
        super().__init__(port, count=3)

    def converse(self, client, number):
        name = f"{(70, 71, 61)[number]}{next(self.devices[number]):02}"
        for kind in ("CALLSTART", "BLACKOUTSTART", "BLACKOUTSTOP", "CALLSTOP"):
            client.ask(kind, DEVICEID=name)
            self.over.wait(0.04 + 0.03 * math.sin(time.monotonic() / 7 + number))


class Plant:
    """A proxy with three cores at two sites, in a laboratory."""

    def __init__(self, lab, corecast):
        self.lab, self.corecast = lab, corecast
        ports = free_ports(9)
        self.cores, self.controls, (self.api, self.webapi, self.admin) = ports[:3], ports[3:6], ports[6:]
        self.url = f"http://127.0.0.1:{self.admin}"
        lab.write("token", TOKEN)
        for number in (1, 2, 3):
            lab.start(f"core-{number}", corecast, "core", "--id", number,
                      "--listen", f"127.0.0.1:{self.cores[number - 1]}",
                      "--control", f"127.0.0.1:{self.controls[number - 1]}")
        self.proxy = self.start_proxy()

    def configure(self, numbers=(1, 2, 3), access=""):
        cores = "".join(
            f'[[core]]\nid = {number}\nname = "{name}"\nsite = "{site}"\naddress = "127.0.0.1:{port}"\npipeline = 16\n'
            for number, name, site, port in
            zip((1, 2, 3), ("north", "south", "quay"), ("head-office", "head-office", "harbour"), self.cores)
            if number in numbers
        )
        self.lab.write("corecast.toml", f"""
[listen]
api = "127.0.0.1:{self.api}"
webapi = "127.0.0.1:{self.webapi}"
admin = "127.0.0.1:{self.admin}"
{access}
{cores}
[[route.rule]]
devices = "7000-7999"
cores = {[number for number in numbers if number < 3]}
[[route.rule]]
devices = "61*"
site = "harbour"
""")

    def start_proxy(self, access=""):
        self.configure(access=access)
        self.proxy = self.lab.start("proxy", self.corecast, "serve", "--config", "corecast.toml")
        until("the proxy is ready", lambda: get(f"{self.url}/readyz"))
        until("it has its cores", lambda: all(core["connections"] > 0 for core in self.seen()))
        return self.proxy

    def seen(self):
        request = urllib.request.Request(f"{self.url}/api/v1/cores", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read())

    def fault(self, number, fault):
        post(f"http://127.0.0.1:{self.controls[number - 1]}/fault/{fault}")

    def ask(self, kind, **parameters):
        client = Client(self.api)
        try:
            return client.ask(kind, **parameters)
        finally:
            client.close()


def post(url, **headers):
    """The status of a POST."""
    request = urllib.request.Request(url, b"", {name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def must(what, holds, *more):
    if not holds:
        raise SystemExit(f"{what} {' '.join(str(each) for each in more)}".strip())


def reads(browser, selector, *parts):
    """Waits until an element has all of these in its text."""
    def is_there():
        text = browser.text(selector)
        return all(part in text for part in parts)
    until(f"{selector} reads {' … '.join(parts)}", is_there)


def check_accessibility(browser, screen):
    """axe-core's rules, on the page as it is now."""
    package = importlib.util.find_spec("axe_playwright_python").submodule_search_locations[0]
    browser.run(Path(package, "axe.min.js").read_text(encoding="utf-8"))
    found = browser.run("return axe.run(document, { resultTypes: ['violations'] }).then((all) => all.violations"
                        ".map((rule) => `${rule.id}: ${rule.help}: ${rule.nodes.map((n) => n.html + n.failureSummary)}`))")
    must(f"{screen}: axe-core:\n", not found, "\n".join(found))


def check_screens(browser, folder, state):
    """Nothing sticks out or is out of reach, in any size and either light."""
    for screen, (width, height, scheme) in SCREENS.items():
        browser.size(width, height)
        browser.prefer(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
        wide = browser.run("return document.documentElement.scrollWidth > document.documentElement.clientWidth")
        must(f"{screen}: it scrolls sideways:", not wide, browser.run(TOO_WIDE))
        must(f"{screen}: these stick out:", not browser.run(TOO_WIDE), browser.run(TOO_WIDE))
        check_accessibility(browser, screen)
        light = browser.run("return getComputedStyle(document.body).backgroundColor")
        is_dark = sum(int(part) for part in light[4:-1].split(",")) < 200
        must(f"{screen}: the background is", is_dark == (scheme == "dark"), light)
        browser.picture(folder / f"{state}-{screen}.png", whole=True)
    browser.size(*SCREENS["light"][:2])
    browser.prefer(prefers_color_scheme="light")


def check_headers(plant):
    """Nothing from elsewhere may be on the page, and the page on none from elsewhere."""
    with urllib.request.urlopen(plant.url, timeout=10) as response:
        policy, page = response.headers["Content-Security-Policy"], response.read().decode()
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"):
        must("the policy lacks", part in policy, part)
    must("there is script or style within the page", "<style" not in page and " style=" not in page
         and "<script>" not in page)


def check_events(plant):
    """Snapshots come to whoever asks for them, and to no more than a few."""
    held = [urllib.request.urlopen(f"{plant.url}/api/v1/events", timeout=10) for _ in range(31)]
    try:
        for each in held[:2]:
            said = b"".join(each.readline() for _ in range(6))
            must("events are", b"event: history\ndata: {" in said and b"event: snapshot\ndata: {" in said, said[:200])
        try:
            urllib.request.urlopen(f"{plant.url}/api/v1/events", timeout=10)
            raise SystemExit("there is no end to who may watch")
        except urllib.error.HTTPError as error:
            must("one too many is told", error.code == 503, error.code)
    finally:
        [each.close() for each in held]


def check_broken(browser, plant, folder):
    """A core that is broken is what the eye meets first, and what it misses is told."""
    plant.fault(2, "refuse")
    reads(browser, "#sentence", "Core 2 is down.")
    reads(browser, "[data-core='2'] .states", "Down", "refused")
    reads(browser, "#failed", "Not sent", "the core is known to be down", "more like it")
    browser.click("#failed-more")
    reads(browser, "#failed", "BLACKOUTSTART")
    browser.click("#failed-more")
    reads(browser, "#owed", "BLACKOUTST", "tried")
    reads(browser, "#sentence", "Something is owed to core 2.")
    must("the title is", browser.run("return document.title").startswith("Core 2 is down."))
    must("others are drawn in", browser.text("[data-core='1'] .states").strip() == "Answers")
    check_screens(browser, folder, "broken")
    plant.fault(2, "none")
    reads(browser, "#sentence", "All 3 cores answer.")
    reads(browser, "#owed", "Nothing: every core has what it was told.")


def check_drain(browser, plant, folder):
    """By keyboard, with a confirmation; what it means for calls; and back."""
    button = "[data-core='2'] .act button"
    must("the button is", browser.role_and_name(button) == ["button", "Drain core 2, south"],
         browser.role_and_name(button))
    must("a call is", plant.ask("CALLSTART", DEVICEID="7901") == "API_OK")
    browser.run("document.querySelector(arguments[0]).focus()", button)
    browser.press(ENTER)
    until("the confirmation is open", lambda: browser.run("return document.querySelector('#confirm').open"))
    must("the focus is on", browser.run(FOCUSED)[0] == "confirm-no")
    check_accessibility(browser, "the confirmation")
    browser.picture(folder / "confirm.png")
    browser.press(ESCAPE)
    must("a cancelled drain drains", not any(core["drained"] for core in plant.seen()))
    must("the focus goes back", browser.run(FOCUSED)[0] == "Drain core 2, south", browser.run(FOCUSED))
    browser.press(ENTER)
    browser.press(TAB)
    browser.press(ENTER)
    reads(browser, "[data-core='2'] .states", "Answers", "Drained")
    reads(browser, "#sentence", "Core 2 is drained.")
    reads(browser, "#changes", "core 2 drained", "by 127.0.0.1")
    must("others are drained", [core["drained"] for core in plant.seen()] == [False, True, False])
    for kind, device, verdict in [
        ("CALLSTOP", "7901", "API_OK"), ("CALLSTART", "7902", "API_PARTIAL_CORE_RESPONSE"),
        ("CALLSTART", "6190", "API_OK"), ("CALLSTOP", "6190", "API_OK"),
    ]:
        must(f"{kind} {device} is", plant.ask(kind, DEVICEID=device) == verdict)
    reads(browser, "#failed", "CALLSTART", "the core is being drained")
    check_route(browser)
    check_screens(browser, folder, "drained")
    browser.click(button)
    browser.click("#confirm-yes")
    reads(browser, "#sentence", "All 3 cores answer.")
    must("a call is", plant.ask("CALLSTART", DEVICEID="7903") == "API_OK")


def check_route(browser):
    """Where a call would go, with the reasons."""
    browser.type("#route-value", "7001")
    browser.press(ENTER)
    reads(browser, "#route-answer", "Core 1 answers", "Core 2 answers, drained", 'route.rule 1 "7000-7999" matches 7001',
          "core 2 is drained: CALLSTART is not sent to it")


def check_site(browser, plant):
    browser.click("[data-site='harbour'] .act button[aria-label^='Drain']")
    must("the confirmation asks", browser.text("#confirm-title") == "Drain site harbour, core 3?",
         browser.text("#confirm-title"))
    browser.click("#confirm-yes")
    reads(browser, "[data-site='harbour'] .site", "1 drained")
    must("its only owner is drained:", plant.ask("CALLSTART", DEVICEID="6191") == "API_ERROR_RECORDER_NOT_RUNNING")
    browser.click("[data-site='harbour'] .act button[aria-label^='Enable']")
    browser.click("#confirm-yes")
    reads(browser, "#sentence", "All 3 cores answer.")


def check_keyboard(browser, plant):
    """Everything that can be used is reached by Tab, in the order in which it is read, and is seen to have the focus."""
    # A page that has just been opened: else Tab goes on from where the focus was last.
    browser.open(plant.url)
    reads(browser, "#sentence", "All 3 cores answer.")
    reached = []
    for _ in range(40):
        browser.press(TAB)
        name, tag, is_seen = browser.run(FOCUSED)
        if tag == "BODY" or (reached and name == reached[0]):
            break
        must("the focus is not seen on", is_seen, name)
        reached.append(name)
    wanted = ["To the cores", "Drain all cores of site head-office", "Drain core 1, north", "Drain core 2, south",
              "Drain all cores of site harbour", "Drain core 3, quay", "route-type", "route-by", "route-value", "Show",
              "Show every key and its value", "Metrics"]
    must("by keyboard one reaches", [name for name in reached if name in wanted] == wanted, reached)
    must("there is one main landmark", browser.run("return document.querySelectorAll('main').length") == 1)


def check_cores_that_come_and_go(browser, plant):
    """Rows come and go with their cores, without a restart."""
    def shown():
        return browser.run("return [...document.querySelectorAll('[data-core]')].map((row) => row.dataset.core)")
    for numbers, sentence in [((1, 3), "All 2 cores answer."), ((1, 2, 3), "All 3 cores answer.")]:
        plant.configure(numbers)
        must("a reload is refused", post(f"{plant.url}/api/v1/reload", X_Corecast="yes") == 200)
        reads(browser, "#sentence", sentence)
        until(f"the rows are those of {numbers}", lambda: shown() == [str(number) for number in numbers])
    reads(browser, "#changes", "configuration read anew", "core")


def check_configuration(browser):
    browser.click("#config summary")
    reads(browser, "#config", "[limits]", "leg_timeout", "1.5s", "[[core]]", "south")


def check_token(browser, plant):
    """The page says that it hears nothing; behind a token it asks for it, and nothing is changed without."""
    plant.lab.end(plant.proxy)
    reads(browser, "#sentence", "Nothing is heard from this copy.")
    plant.start_proxy('[access]\nadmin_token_file = "token"')
    reads(browser, "#sentence", "All 3 cores answer.")
    plant.lab.end(plant.proxy)
    plant.start_proxy('[access]\nadmin_token_file = "token"\nadmin_token_for = "all"')
    must("without a token", post(f"{plant.url}/api/v1/cores/1/drain", X_Corecast="yes") == 401)
    until("the token is asked for", lambda: browser.run("return document.querySelector('#token').open"))
    browser.type("#token input", TOKEN)
    browser.press(ENTER)
    reads(browser, "#sentence", "All 3 cores answer.")
    browser.click("[data-core='1'] .act button")
    browser.click("#confirm-yes")
    reads(browser, "#sentence", "Core 1 is drained.")
    log = (plant.lab.folder / "proxy.log").read_text(encoding="utf-8")
    must("the log does not say who drained", "the core is drained" in log and "127.0.0.1" in log)
    must("the token is in the log", TOKEN not in log)


def check_changes_without_token(plant):
    drain = f"{plant.url}/api/v1/cores/1/drain"
    for status, url, headers in [
        (403, drain, {}), (403, drain, {"X_Corecast": "yes", "Host": "corecast.example"}),
        (404, drain.replace("/1/", "/9/"), {"X_Corecast": "yes"}),
        (404, f"{plant.url}/api/v1/sites/nowhere/drain", {"X_Corecast": "yes"}),
    ]:
        must(f"{url} {headers} is answered", post(url, **headers) == status, post(url, **headers))
    must("something was drained", not any(core["drained"] for core in plant.seen()))


def take_picture(browser, plant, path):
    """The page for the README: some minutes of calls, and a core that has just gone."""
    browser.size(1280, 1000)
    # Nobody waits for a condition here: curves need time to be seen.
    time.sleep(150)
    plant.fault(2, "refuse")
    reads(browser, "#sentence", "Something is owed to core 2.")
    time.sleep(4)
    browser.type("#route-value", "7001")
    browser.press(ENTER)
    reads(browser, "#route-answer", "Core 2 down")
    browser.run("document.activeElement.blur(); window.scrollTo(0, 0)")
    browser.picture(path)
    plant.fault(2, "none")
    reads(browser, "#sentence", "All 3 cores answer.")
    must("the picture is too large:", path.stat().st_size < 200_000, path.stat().st_size)


def main():
    corecast, begun = Path(sys.argv[1]).resolve(), time.time()
    picture = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
    pictures = corecast.parent.parent / "page"
    pictures.mkdir(exist_ok=True)
    with Lab() as lab:
        plant = Plant(lab, corecast)
        browser = Browser(lab)
        talk = Calls(plant.api)
        try:
            browser.open(plant.url)
            reads(browser, "#sentence", "All 3 cores answer.")
            reads(browser, "#live", "live")
            check_headers(plant)
            check_events(plant)
            check_changes_without_token(plant)
            if picture:
                take_picture(browser, plant, picture)
            check_screens(browser, pictures, "well")
            check_keyboard(browser, plant)
            check_broken(browser, plant, pictures)
            check_drain(browser, plant, pictures)
            check_site(browser, plant)
            check_cores_that_come_and_go(browser, plant)
            check_configuration(browser)
            check_screens(browser, pictures, "configuration")
            said = browser.console()
            must("the console says:", not said, "\n".join(said))
            check_token(browser, plant)
        finally:
            talk.end()
        # What the browser shows before it is told an address is its own, and axe-core has a picture within itself.
        outside = [url for url in browser.requested() if not url.startswith((plant.url, "chrome:", "data:"))]
        must("it asks elsewhere:", not outside, outside)
        browser.tell("DELETE", "")
    print(f"the page is as it should be, in {time.time() - begun:.0f} s; pictures: {pictures}")


if __name__ == "__main__":
    main()
