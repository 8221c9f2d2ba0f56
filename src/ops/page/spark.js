// A curve of the last minutes: its shape only, the numbers stand beside it.

const NAMESPACE = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, POINTS] = [180, 32, 180];

function svg(tag, attributes) {
  const element = document.createElementNS(NAMESPACE, tag);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  return element;
}

/** An empty curve, with room for a second one in front of it: what went wrong. */
export function curve() {
  const picture = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "spark", "aria-hidden": "true",
  });
  for (const name of ["area", "line", "missed"]) picture.append(svg("path", { class: name }));
  return picture;
}

const STEP = WIDTH / (POINTS - 1);

/** Where a value stands; the newest is at the right edge. */
const place = (values, at, top) => [
  (WIDTH - (values.length - 1 - at) * STEP).toFixed(1),
  (HEIGHT - 1 - (HEIGHT - 4) * Math.min(1, values[at] / top)).toFixed(1),
];

/** Runs of numbers without a gap, as points. */
function runs(values, top) {
  const found = [[]];
  values.forEach((value, at) => {
    if (value === null || value === undefined) return found.push([]);
    found.at(-1).push(place(values, at, top));
  });
  return found.filter((run) => run.length > 0);
}

/** A bar for each value above zero: nothing is drawn where nothing happened. */
const bars = (values, top) => values.map((value, at) => {
  if (!(value > 0)) return "";
  const [x, y] = place(values, at, top);
  return `M${x} ${HEIGHT}V${y}h${-STEP.toFixed(2)}V${HEIGHT}Z`;
}).join("");

const lineOf = (run) => `M${run.map((point) => point.join(" ")).join("L")}${run.length === 1 ? "h.01" : ""}`;
const areaOf = (run) => `${lineOf(run)}L${run.at(-1)[0]} ${HEIGHT}L${run[0][0]} ${HEIGHT}Z`;

/** Draws values from 0 to the largest of them, or to `least` if that is more. */
export function draw(picture, values, missed = [], least = 1) {
  const top = Math.max(least, ...values.filter((value) => value !== null && value !== undefined));
  const [area, line, wrong] = picture.children;
  const found = runs(values, top);
  area.setAttribute("d", found.map(areaOf).join(""));
  line.setAttribute("d", found.map(lineOf).join(""));
  wrong.setAttribute("d", bars(missed, top));
}
