// What the eye should meet first: one sentence, and five numbers.

import { byId, make, say } from "./dom.js";
import { curve, draw } from "./spark.js";
import { age, capital, cores, count, milliseconds, rate, stateOf } from "./words.js";

/** Everything that is not as it should be, the worst first: mood, sentence, and what may change every second. */
function complaints(snapshot) {
  const ids = (test) => snapshot.cores.filter(test).map((core) => core.id);
  const mood = (wanted) => ids((core) => stateOf(core)[0] === wanted);
  const [down, doubtful, drained] = [mood("bad"), mood("warn"), ids((core) => core.drained)];
  const debtors = snapshot.cores.filter((core) => core.owed > 0);
  const owed = debtors.reduce((sum, core) => sum + core.owed, 0);
  const oldest = Math.max(0, ...debtors.map((core) => core.owed_seconds));
  return [
    snapshot.unready && ["bad", `Not ready: ${snapshot.unready}.`],
    down.length > 0 && ["bad", `${capital(cores(down))} ${down.length === 1 ? "is" : "are"} down.`],
    doubtful.length > 0 && ["warn", `${capital(cores(doubtful))} cannot be reached for sure.`],
    debtors.length > 0 && ["warn", `Something is owed to ${cores(debtors.map((core) => core.id))}.`,
      `${count(owed)} ${owed === 1 ? "command" : "commands"}, the oldest for ${age(oldest)}.`],
    drained.length > 0 && ["calm", `${capital(cores(drained))} ${drained.length === 1 ? "is" : "are"} drained.`],
  ].filter(Boolean);
}

/** The sentence is read out when it changes, so nothing in it changes by itself. */
export function showHeadline(snapshot) {
  const found = complaints(snapshot);
  const many = snapshot.cores.length;
  const well = ["ok", many === 1 ? "The core answers." : `All ${many} cores answer.`];
  const [mood, sentence] = found[0] ?? well;
  byId("headline").dataset.mood = mood;
  say(byId("sentence"), [sentence, ...found.slice(1).map((each) => each[1])].join(" "));
  const missed = `${count(snapshot.missed)} of ${count(snapshot.requests)} requests since the start missed an owner.`;
  say(byId("more"), [...found.map((each) => each[2]).filter(Boolean), missed].join(" "));
  document.title = mood === "ok" || mood === "calm" ? "Corecast" : `${sentence} – Corecast`;
}

const tiles = {};

function tile(key, label, hasCurve) {
  const [value, note] = [make("span", { class: "value" }), make("span", { class: "note" })];
  const picture = hasCurve ? curve() : undefined;
  byId("summary").append(make("div", {}, make("dt", {}, label), make("dd", {}, value, note, picture ?? "")));
  tiles[key] = { value, note, picture };
}

tile("requests", "Requests a second", true);
tile("wait", "Wait, p99", true);
tile("missed", "Missed an owner", true);
tile("flight", "In flight", true);
tile("owed", "Owed", true);

function show(key, value, note, values, missed, least) {
  say(tiles[key].value, value);
  say(tiles[key].note, note);
  draw(tiles[key].picture, values, missed, least);
}

/** The five numbers, from a snapshot and the points of the last minutes. */
export function showSummary(snapshot, points) {
  const all = points.map((point) => point.all);
  const [now, missed] = [all.at(-1), all.map((pace) => pace[1])];
  const total = (place) => all.reduce((sum, pace) => sum + pace[place], 0);
  const share = total(0) > 0 ? (100 * total(1)) / total(0) : 0;
  const owed = snapshot.cores.reduce((sum, core) => sum + core.owed, 0);
  const oldest = Math.max(0, ...snapshot.cores.map((core) => core.owed_seconds));
  const [flying, queued] = ["in_flight", "queued"].map((key) => snapshot.cores.reduce((sum, c) => sum + c[key], 0));
  show("requests", rate(now[0]), `${count(snapshot.requests)} so far`, all.map((pace) => pace[0]));
  show("wait", milliseconds(now[3]), `median ${milliseconds(now[2])}`, all.map((pace) => pace[3]), [], 5);
  show("missed", `${share > 0 && share < 0.1 ? "< 0.1" : share.toFixed(share >= 10 || share === 0 ? 0 : 1)} %`,
    `in 3 min; ${rate(now[1])} a second now`, missed, missed);
  show("flight", count(snapshot.in_flight), `at cores ${count(flying)}, queued ${count(queued)}`,
    points.map((point) => point.in_flight));
  show("owed", count(owed), owed > 0 ? `oldest ${age(oldest)}` : "nothing", points.map((point) => point.owed));
  tiles.missed.value.dataset.mood = share > 0 ? "bad" : "";
  tiles.owed.value.dataset.mood = owed > 0 ? "warn" : "";
}
