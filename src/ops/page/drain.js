// Drain and enable, after a confirmation that says what it will do.

import { byId, make, say } from "./dom.js";
import { ask } from "./token.js";
import { cores as coresOf } from "./words.js";

const DRAIN = [
  "CALLSTART, RECORDSTART and CHATSTART are no longer sent to it. What is under way there goes on: stops, blackouts and updates are sent as before.",
  "It stays an owner. A new call of its devices is answered API_PARTIAL_CORE_RESPONSE, which names it; where it is the only owner, the call is not recorded. Chats begin at another core.",
];
const ENABLE = ["It gets everything again from now on. What began elsewhere meanwhile it does not know."];
const SCOPE = "This holds for this copy of the proxy alone, and until it ends: do the same at the others.";

/** What is about to be done: `kind` is `cores` or `sites`, `cores` those that it is about. */
export function offer(kind, name, cores, drain) {
  const dialog = byId("confirm");
  const [yes, no, fault] = [byId("confirm-yes"), byId("confirm-no"), byId("confirm-fault")];
  const word = drain ? "Drain" : "Enable";
  const which = coresOf(cores.map((core) => core.id));
  say(byId("confirm-title"), kind === "cores" ? `${word} core ${name}?` : `${word} site ${name}, ${which}?`);
  const texts = [...(drain ? DRAIN : ENABLE), SCOPE];
  byId("confirm-text").replaceChildren(...texts.map((text) => make("p", {}, text)));
  say(yes, kind === "cores" ? `${word} core ${name}` : `${word} site ${name}`);
  say(fault, "");
  yes.disabled = false;
  no.onclick = () => dialog.close();
  yes.onclick = async () => {
    yes.disabled = true;
    try {
      await ask(`/api/v1/${kind}/${encodeURIComponent(name)}/${word.toLowerCase()}`, { method: "POST" });
      dialog.close();
    } catch (error) {
      say(fault, `It was not done: ${error.message}`);
      yes.disabled = false;
    }
  };
  dialog.showModal();
  no.focus();
}
