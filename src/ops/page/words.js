// Numbers, times and states in words.

export const STATES = {
  pass: ["ok", "Answers"],
  probe: ["warn", "Being tested"],
  shut: ["bad", "Down"],
  lone: ["warn", "No connection"],
};

/** A core's mood and the word for its state. */
export function stateOf(core) {
  return STATES[core.state === "pass" && core.connections === 0 ? "lone" : core.state] ?? ["warn", core.state];
}

export const count = (number) => Math.round(number).toLocaleString("en");

/** A rate: as many digits as a person reads. */
export const rate = (number) => (number >= 100 || number === 0 ? count(number) : number.toFixed(number < 10 ? 1 : 0));

/** Milliseconds, or a dash where nothing was timed. */
export function milliseconds(time) {
  if (time === null || time === undefined) return "–";
  if (time >= 1000) return `${(time / 1000).toFixed(2)} s`;
  return `${time >= 100 ? time.toFixed(0) : time.toFixed(time < 10 ? 2 : 1)} ms`;
}

/** A time that has gone by, in the largest units that say enough. */
export function age(seconds) {
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const at = units.findIndex(([size]) => seconds >= size);
  if (at < 0) return "0 s";
  const whole = (place, of) => `${Math.floor(of / units[place][0])} ${units[place][1]}`;
  const rest = seconds % units[at][0];
  return at < 3 && rest >= units[at + 1][0] ? `${whole(at, seconds)} ${whole(at + 1, rest)}` : whole(at, seconds);
}

/** A moment of today by its time, another one with its day. */
export function clock(at, now) {
  const [date, today] = [new Date(at), new Date(now)];
  const time = date.toLocaleTimeString("en-GB");
  return date.toDateString() === today.toDateString() ? time : `${date.toISOString().slice(0, 10)} ${time}`;
}

/** `1`, `1 and 2`, `1, 2 and 3`. */
export const list = (things) =>
  things.length < 2 ? things.join("") : `${things.slice(0, -1).join(", ")} and ${things.at(-1)}`;

export const cores = (ids) => `${ids.length === 1 ? "core" : "cores"} ${list(ids)}`;
export const capital = (text) => text[0].toUpperCase() + text.slice(1);
