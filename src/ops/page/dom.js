// The few ways in which this page touches its document. Texts are only ever texts: nothing that comes from elsewhere is
// read as markup.

export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; `class` and the like as in HTML, functions as listeners. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== ""));
  return element;
}

/** Sets a text, if it is another one: what does not change is not read out again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const made = new WeakMap();

/** Puts these children there, unless what they are made of is what it was. */
export function fill(element, from, children) {
  const key = JSON.stringify(from);
  if (made.get(element) === key) return;
  made.set(element, key);
  element.replaceChildren(...children());
}

/** A table cell that keeps being one where a style makes it a block. */
export const cell = (label, attributes, ...children) =>
  make("td", { role: "cell", "data-label": label, ...attributes }, ...children);
