// Puts the page together: events in, everything on the page brought up to date.

import { openConfig } from "./config.js";
import { showCores } from "./cores.js";
import { byId, say } from "./dom.js";
import { showChanges, showFailed, showOwed } from "./lists.js";
import { openRoute } from "./route.js";
import { watch } from "./stream.js";
import { showHeadline, showSummary } from "./summary.js";
import { age } from "./words.js";

/** Points of each curve: as many as the proxy remembers. */
const POINTS = 180;

let points = [];

function showLive(mood, word) {
  byId("live").dataset.mood = mood;
  say(byId("live").querySelector(".word"), word);
}

function showCopy({ copy, now }) {
  const up = age((now - copy.since) / 1000);
  say(byId("copy"), `${copy.host}, process ${copy.process}, version ${copy.version}, up ${up}`);
}

function take({ name, data }) {
  if (name === "history") {
    ({ points } = data);
    return;
  }
  if (points.at(-1)?.at !== data.point.at) points = [...points, data.point].slice(-POINTS);
  document.body.classList.remove("stale");
  showLive("ok", "live");
  showCopy(data);
  showHeadline(data);
  showSummary(data, points);
  showCores(data, points);
  showFailed(data);
  showOwed(data);
  showChanges(data);
}

/** What is shown may be old from now on, and that is what must be seen first. */
function lost(why) {
  document.body.classList.add("stale");
  showLive("bad", "no news");
  byId("headline").dataset.mood = "bad";
  say(byId("sentence"), "Nothing is heard from this copy. What is below is old.");
  say(byId("more"), `It is tried again: ${why}.`);
  document.title = "No news – Corecast";
}

openRoute();
openConfig();
watch(take, lost);
