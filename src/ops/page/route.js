// "Where would this go?": asks the code that decides, and shows its reasons.

import { byId, make } from "./dom.js";
import { ask } from "./token.js";
import { stateOf } from "./words.js";

const FUNCTIONS = [
  "CALLSTART", "CALLSTOP", "CALLUPDATE", "BLACKOUTSTART", "BLACKOUTSTOP", "AGENTBLACKOUTSTART", "AGENTBLACKOUTSTOP",
  "RECORDSTART", "RECORDSTOP", "DEVICESTATUS", "CHATSTART", "CHATSTOP",
];
const NAMES = ["DEVICEID", "DEVICEALIAS", "STATIONNAME", "SYS_USER", "CRM_USER", "AGENTID", "SESSIONID"];

const options = (words) => words.map((word) => make("option", {}, word));

function chip(core) {
  if (core.state === undefined) return make("li", {}, `Core ${core.id}, which is not configured`);
  const [mood, word] = stateOf(core);
  const said = core.drained ? `${word.toLowerCase()}, drained` : word.toLowerCase();
  return make("li", { class: "state", "data-mood": core.drained && mood === "ok" ? "calm" : mood },
    make("span", { class: "mark", "aria-hidden": "true" }), `Core ${core.id} ${said}`);
}

async function answer(form) {
  const [type, by, value] = ["type", "by", "value"].map((name) => form.elements[name].value);
  const query = new URLSearchParams([["type", type], [by.toLowerCase(), value]]);
  const { steps, cores } = await ask(`/api/v1/route?${query}`);
  return [
    make("ul", { class: "chips" }, ...cores.map(chip)),
    make("ol", {}, ...steps.map((step) => make("li", {}, step))),
  ];
}

/** Makes the form work. */
export function openRoute() {
  const form = byId("route");
  byId("route-type").append(...options(FUNCTIONS));
  byId("route-by").append(...options(NAMES));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const shown = await answer(form).catch((error) => [make("p", { class: "fault" }, error.message)]);
    byId("route-answer").replaceChildren(...shown);
  });
}
