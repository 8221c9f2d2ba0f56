// payment.mjs HOST PORT DEVICE: silence a call while a card number is given. Over the WebAPI; Node 18 or newer.

import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

const [host, port, device] = process.argv.slice(2);
let requests = 0;

// Answers after which the same may be said again with hope. null: no answer, so nobody knows whether it was done.
const AGAIN = [null, "API_PARTIAL_CORE_RESPONSE", "API_ERROR_RECORDER_NOT_RUNNING", "API_ERROR_PROCESSING_MESSAGE"];

// Sends a command; gives RESULTTYPE and RESULTMSG, or null and the reason if there is no answer.
async function ask(type, fields) {
  const requestid = ++requests;
  const query = new URLSearchParams({ type, requestid, ...fields });
  try {
    const url = `http://${host}:${port}/webAPI.aspx?${query}`;
    // Longer than the proxy takes for an answer (limits.deadline, 2 s).
    const response = await fetch(url, { method: "POST", signal: AbortSignal.timeout(5000) });
    const result = await response.text();
    const verdict = result.match(/<RESULTTYPE>(\w+)<\/RESULTTYPE>/)?.[1];
    if (!response.ok || !verdict || !result.includes(`<REQUESTID>${requestid}</REQUESTID>`)) {
      return [null, `HTTP ${response.status}`];
    }
    return [verdict, result.match(/<RESULTMSG>([^<]*)/)?.[1]];
  } catch (error) {
    return [null, error.cause?.message ?? error.message];
  }
}

// Says it until it is confirmed by every recorder, for ten seconds; gives whether it is.
async function insist(type, fields) {
  const end = performance.now() + 10_000;
  for (;;) {
    const [verdict, text] = await ask(type, fields);
    console.log(type, verdict, text);
    if (!AGAIN.includes(verdict) || performance.now() > end) return verdict === "API_OK";
    await sleep(1000);
  }
}

try {
  if (await insist("BLACKOUTSTART", { deviceid: device })) {
    console.log("ASK FOR THE CARD NUMBER"); // … and wait until it has been given
  } else {
    console.log("DO NOT ASK: it may be recorded. Take the payment another way");
    process.exitCode = 1;
  }
} finally {
  // In any case: those recorders that did begin are silent until they are told to stop.
  await insist("BLACKOUTSTOP", { deviceid: device });
}
