// What failed, what is owed, what was changed.

import { byId, cell, fill, make, say } from "./dom.js";
import { age, clock } from "./words.js";

const OUTCOMES = {
  REJECTED: ["warn", "Refused"],
  TIMED_OUT: ["bad", "No answer"],
  DISCONNECTED: ["bad", "Cut off"],
  NOT_SENT: ["bad", "Not sent"],
  BAD_REPLY: ["bad", "Unreadable"],
};

const empty = (text) => make("p", { class: "empty" }, text);

function table(name, columns, rows) {
  const heads = columns.map((column) => make("th", { role: "columnheader", scope: "col" }, column));
  const head = make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...heads));
  return make("table", { role: "table", class: "list", "aria-labelledby": `${name}-title` }, head,
    make("tbody", { role: "rowgroup" }, ...rows));
}

function outcome(word) {
  const [mood, text] = OUTCOMES[word] ?? ["warn", word];
  return make("span", { class: "state", "data-mood": mood }, make("span", { class: "mark", "aria-hidden": "true" }), text);
}

function failedRow([leg, ...others], now) {
  const like = others.length > 0 && make("span", { class: "like" }, `and ${others.length} more like it`);
  return make("tr", { role: "row" },
    cell("When", { class: "when" }, make("time", { datetime: new Date(leg.at).toISOString() }, clock(leg.at, now))),
    cell("Core", { class: "core" }, String(leg.core)),
    cell("Command", { class: "command" }, make("span", { class: "function" }, leg.function),
      make("span", { class: "device" }, leg.device)),
    cell("How it ended", { class: "reason" }, outcome(leg.outcome), like || "", make("span", { class: "why" }, leg.reason)),
    cell("After", { class: "number" }, `${leg.milliseconds} ms`));
}

/** What is much the same: a refusal's words name the device. */
const kind = (leg) => [leg.core, leg.outcome, leg.outcome === "REJECTED" ? leg.function : leg.reason].join();

/** The last failed legs: one of each kind, until all are asked for. The button stays the same element, so that whoever
 *  stands on it keeps standing there. */
export function showFailed({ failed, now }) {
  const more = byId("failed-more");
  const groups = [...Map.groupBy(failed, kind).values()];
  const isAll = more.getAttribute("aria-expanded") === "true";
  const shown = isAll ? failed.map((leg) => [leg]) : groups;
  more.hidden = groups.length === failed.length;
  say(more, isAll ? "Show one of each kind" : `Show all ${failed.length}`);
  more.onclick = () => {
    more.setAttribute("aria-expanded", String(!isAll));
    showFailed({ failed, now });
  };
  fill(byId("failed"), shown, () => failed.length === 0 ? [empty("None since this copy began.")] :
    [table("failed", ["When", "Core", "Command", "How it ended", "After"], shown.map((legs) => failedRow(legs, now)))]);
}

function owedRow(owed) {
  const tries = owed.attempts === 0 ? "not tried" : `tried ${owed.attempts} ${owed.attempts === 1 ? "time" : "times"}`;
  return make("tr", { role: "row" },
    cell("Core", { class: "core" }, String(owed.core)),
    cell("Command", { class: "command" }, make("span", { class: "function" }, owed.function),
      make("span", { class: "device" }, owed.device)),
    cell("Tries", { class: "tries" }, tries),
    cell("Since", { class: "number", "data-asked": owed.asked }));
}

/** What is owed for the longest. */
export function showOwed({ owed, now }) {
  fill(byId("owed"), owed, () => owed.length === 0 ? [empty("Nothing: every core has what it was told.")] :
    [table("owed", ["Core", "Command", "Tries", "Since"], owed.map(owedRow))]);
  byId("owed").querySelectorAll("[data-asked]").forEach((element) => {
    element.textContent = age(Math.max(0, (now - Number(element.dataset.asked)) / 1000));
  });
}

/** What was changed at this copy, and its beginning. */
export function showChanges({ changes, copy, now }) {
  const began = { at: copy.since, what: "began, with the configuration below", by: "" };
  const item = ({ at, what, by }) => make("li", {},
    make("time", { datetime: new Date(at).toISOString() }, clock(at, now)),
    make("span", {}, what, by === "" ? "" : make("span", { class: "by" }, ` by ${by}`)));
  fill(byId("changes"), [changes, began], () => [...changes, began].map(item));
}
