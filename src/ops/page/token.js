// Asks the proxy, with the admin token once it is known. The token stays in this tab.

import { byId } from "./dom.js";

const KEY = "corecast-token";
const PATIENCE = 10_000;
let asking;

/** Asks the person for the token; whether there is one now. Several who need it at once ask once. */
function askForToken() {
  asking ??= new Promise((resolve) => {
    const dialog = byId("token");
    const [form, field] = [dialog.querySelector("form"), dialog.querySelector("input")];
    field.value = "";
    form.onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY, field.value.trim());
      dialog.close("yes");
    };
    form.querySelector("[value=no]").onclick = () => dialog.close("no");
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
    dialog.returnValue = "no";
    dialog.showModal();
  }).finally(() => (asking = undefined));
  return asking;
}

/** A response, whatever its status but 401. With `signal` it is the caller who keeps the time. */
export async function request(path, { method = "GET", signal } = {}) {
  for (;;) {
    const token = sessionStorage.getItem(KEY);
    const headers = { "X-Corecast": "page", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const response = await fetch(path, { method, headers, signal: signal ?? AbortSignal.timeout(PATIENCE) });
    if (response.status !== 401) return response;
    sessionStorage.removeItem(KEY);
    if (!(await askForToken())) throw new Error("the admin token is needed");
  }
}

/** What is answered, as JSON; fails with the words of a refusal. */
export async function ask(path, options) {
  const response = await request(path, options);
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = { error: text.trim() || `status ${response.status}` };
  }
  if (!response.ok) throw new Error(answer.error ?? `status ${response.status}`);
  return answer;
}
