// The configuration in force: read when somebody looks.

import { byId, make } from "./dom.js";
import { ask } from "./token.js";

/** A value as the file would have it. */
function written(value) {
  if (Array.isArray(value)) return `[${value.map(written).join(", ")}]`;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function keys(table) {
  const known = Object.entries(table).filter(([, value]) => value !== null);
  return make("dl", {}, ...known.flatMap(([key, value]) => Array.isArray(value) && typeof value[0] === "object"
    ? value.map((each, at) => make("div", {}, make("dt", {}, `${key} ${at + 1}`), make("dd", {}, inline(each))))
    : [make("div", {}, make("dt", {}, key), make("dd", {}, written(value)))]));
}

const inline = (table) => Object.entries(table).map(([key, value]) => `${key} = ${written(value)}`).join(", ");

function section(name, value) {
  if (value === null) return [];
  const tables = Array.isArray(value) ? value : [value];
  const title = Array.isArray(value) ? `[[${name}]]` : `[${name}]`;
  return tables.map((table) => make("section", {}, make("h3", {}, title), keys(table)));
}

/** Reads it when it is opened, each time. */
export function openConfig() {
  const details = byId("config");
  details.addEventListener("toggle", async () => {
    if (!details.open) return;
    const shown = await ask("/api/v1/config")
      .then((config) => Object.entries(config).flatMap(([name, value]) => section(name, value)))
      .catch((error) => [make("p", { class: "fault" }, error.message)]);
    details.querySelector(".keys").replaceChildren(...shown);
  });
}
