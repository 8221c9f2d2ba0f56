// The server-sent events. They are read with fetch, since an EventSource cannot show a token.

import { request } from "./token.js";

/** A silence of this long is an end, in milliseconds. */
const SILENCE = 6000;
/** How long to wait before the next try: longer each time. */
const WAITS = [500, 1000, 2000, 4000];

/** The events of one response, each as soon as it is whole. */
async function* read(response, heard) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    const parts = (text + value).split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const field = (name) => part.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      yield { name: field("event"), data: JSON.parse(field("data")) };
    }
  }
}

async function watchOnce(take) {
  const stop = new AbortController();
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(new Error("nothing was heard")), SILENCE);
  };
  try {
    const response = await request("/api/v1/events", { signal: stop.signal });
    if (!response.ok) throw new Error((await response.text()).trim());
    heard();
    for await (const event of read(response, heard)) take(event);
    throw new Error("the stream has ended");
  } finally {
    clearTimeout(timer);
  }
}

/** Watches for ever. `take` gets each event, `lost` the reason each time that there are none. */
export async function watch(take, lost) {
  for (let tries = 0; ; tries += 1) {
    try {
      await watchOnce((event) => {
        tries = 0;
        take(event);
      });
    } catch (error) {
      lost(error.message);
    }
    await new Promise((done) => setTimeout(done, WAITS[Math.min(tries, WAITS.length - 1)]));
  }
}
