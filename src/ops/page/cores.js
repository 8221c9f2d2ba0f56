// The cores, by site. Rows are made once and brought up to date, so that whoever stands on a button keeps standing there.

import { cell, make, say } from "./dom.js";
import { offer } from "./drain.js";
import { curve, draw } from "./spark.js";
import { age, count, milliseconds, rate, stateOf } from "./words.js";

const rows = new Map();
const sites = new Map();

const badge = () => make("span", { class: "state" }, make("span", { class: "mark", "aria-hidden": "true" }), make("span"));

function measure() {
  const [picture, value] = [curve(), make("span", { class: "value" })];
  return { picture, value, whole: make("div", { class: "measure" }, picture, value) };
}

function makeRow(id) {
  const row = { now: undefined, state: badge(), drained: badge(), legs: measure(), wait: measure() };
  row.name = make("span", { class: "name" });
  row.address = make("span", { class: "address" });
  row.error = make("p", { class: "error" });
  row.numbers = Object.fromEntries(["in_flight", "queued", "connections", "owed"].map((key) => [key, make("span")]));
  row.button = make("button", { type: "button", click: () => offer("cores", id, [row.now], !row.now.drained) });
  const { numbers } = row;
  row.whole = make("tr", { role: "row", "data-core": id },
    make("th", { role: "rowheader", scope: "row" }, make("span", { class: "id" }, String(id)), row.name, row.address),
    cell("State", { class: "states" }, row.state, row.drained, row.error),
    cell("Legs a second", { class: "curve" }, row.legs.whole),
    cell("Latency, p99", { class: "curve" }, row.wait.whole),
    cell("In flight", { class: "number" }, numbers.in_flight),
    cell("Queued", { class: "number" }, numbers.queued),
    cell("Links", { class: "number" }, numbers.connections),
    cell("Owed", { class: "number" }, numbers.owed),
    cell("", { class: "act" }, row.button));
  return row;
}

function makeSite(name) {
  const site = { now: [], title: make("span", { class: "name" }, name), note: make("span", { class: "note" }) };
  const act = (drain) => () => offer("sites", name, site.now, drain);
  site.drain = make("button", { type: "button", click: act(true) }, "Drain site");
  site.enable = make("button", { type: "button", click: act(false) }, "Enable site");
  const title = make("th", { role: "rowheader", scope: "rowgroup", colspan: 5 }, site.title, site.note);
  site.whole = make("tbody", { role: "rowgroup", "data-site": name },
    make("tr", { role: "row", class: "site" }, title, cell("", { class: "act", colspan: 4 }, site.enable, site.drain)));
  return site;
}

function showState(element, [mood, word]) {
  element.dataset.mood = mood;
  say(element.lastChild, word);
}

function showRow(row, core, points) {
  const paces = points.map((point) => point.cores[core.id] ?? [0, 0, null, null]);
  const now = paces.at(-1);
  row.now = core;
  say(row.name, core.name);
  const isElsewhere = core.reached && core.reached !== core.address;
  say(row.address, isElsewhere ? `${core.address} (${core.reached})` : core.address);
  showState(row.state, stateOf(core));
  showState(row.drained, ["calm", "Drained"]);
  row.drained.hidden = !core.drained;
  row.error.hidden = core.last_error === "";
  row.error.classList.toggle("past", stateOf(core)[0] === "ok");
  say(row.error, core.last_error && (stateOf(core)[0] === "ok" ? `Last: ${core.last_error}` : core.last_error));
  say(row.legs.value, rate(now[0]));
  draw(row.legs.picture, paces.map((pace) => pace[0]), paces.map((pace) => pace[1]));
  say(row.wait.value, milliseconds(now[3]));
  draw(row.wait.picture, paces.map((pace) => pace[3]), [], 5);
  for (const key of ["in_flight", "queued", "connections"]) say(row.numbers[key], count(core[key]));
  say(row.numbers.owed, core.owed > 0 ? `${count(core.owed)} · ${age(core.owed_seconds)}` : "0");
  row.numbers.owed.dataset.mood = core.owed > 0 ? "warn" : "";
  row.numbers.connections.dataset.mood = core.connections === 0 ? "bad" : "";
  say(row.button, core.drained ? "Enable" : "Drain");
  row.button.setAttribute("aria-label", `${core.drained ? "Enable" : "Drain"} core ${core.id}, ${core.name}`);
}

function showSite(site, cores) {
  const [well, drained] = [(core) => stateOf(core)[0] === "ok", (core) => core.drained];
  const [answer, kept] = [cores.filter(well).length, cores.filter(drained).length];
  site.now = cores;
  const many = `${answer} of ${cores.length} ${cores.length === 1 ? "core answers" : "cores answer"}`;
  say(site.note, kept > 0 ? `${many}, ${kept} drained` : many);
  const name = site.title.textContent;
  [[site.drain, "Drain", kept === cores.length], [site.enable, "Enable", kept === 0]].forEach(([button, word, idle]) => {
    button.hidden = idle;
    button.setAttribute("aria-label", `${word} all cores of site ${name}`);
  });
}

/** Takes away what is not there any more. */
function leave(kept, stays) {
  for (const [key, { whole }] of kept) {
    if (stays(key)) continue;
    whole.remove();
    kept.delete(key);
  }
}

/** Moves only what stands elsewhere: what is moved loses the focus. */
function put(parent, child, place) {
  if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
}

function known(all, key, makeOne) {
  if (!all.has(key)) all.set(key, makeOne(key));
  return all.get(key);
}

/** Brings all rows up to date. Cores come, go and move. */
export function showCores(snapshot, points) {
  const table = document.querySelector("table.cores");
  const bySite = Map.groupBy(snapshot.cores, (core) => core.site);
  const ids = new Set(snapshot.cores.map((core) => core.id));
  leave(sites, (name) => bySite.has(name));
  leave(rows, (id) => ids.has(id));
  for (const [name, cores] of bySite) {
    const site = known(sites, name, makeSite);
    if (!site.whole.isConnected) table.append(site.whole);
    showSite(site, cores);
    cores.forEach((core, at) => {
      const row = known(rows, core.id, makeRow);
      put(site.whole, row.whole, at + 1);
      showRow(row, core, points);
    });
  }
}
