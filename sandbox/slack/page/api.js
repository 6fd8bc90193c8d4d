/** Talks to the stand-in: one act after the other, and a long poll for what changed. */
import { toast } from "./dom.js";

let queue = Promise.resolve();

/** Do what a person does; acts never overtake one another. */
export function act(name, sent) {
  const done = queue.then(() => post(name, sent));
  queue = done.catch(() => {});
  return done;
}

/** Return what a person sees. */
export async function seen(user) {
  const response = await fetch(`/_sandbox/state?user=${encodeURIComponent(user)}`);
  if (!response.ok) throw new Error(`state: ${response.status}`);
  return response.json();
}

/** Return the new version as soon as there is one. */
export async function changed(since) {
  const response = await fetch(`/_sandbox/changes?since=${since}`);
  return (await response.json()).version;
}

async function post(name, sent) {
  const answer = await answered(name, sent).catch(() => ({ ok: false, error: "Slack can’t be reached" }));
  const trouble = answer.error || answer.failure;
  if (trouble) toast(`${name} failed: ${trouble}`);
  return answer;
}

async function answered(name, sent) {
  const response = await fetch(`/_sandbox/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(sent),
  });
  return response.json().catch(() => ({ ok: false, error: `error ${response.status}` }));
}
