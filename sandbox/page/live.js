/** Looks at the stand-in every second, draws what changed, and does what a person asks for. */

const PAUSE = 1000;
const drawn = new WeakMap();
let draw = () => {};

/** Draw now, after every act and every second; `page` is handed what the stand-in holds. */
export async function watch(page) {
  draw = page;
  addEventListener("popstate", look);
  for (;;) {
    await look();
    await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
  }
}

/** Draw what the stand-in holds now. */
export async function look() {
  try {
    const response = await fetch("/_sandbox/state");
    if (response.ok) draw(await response.json());
  } catch (error) {
    // The stand-in may be starting anew; the next look finds out.
    console.warn(error);
  }
}

/** Do what a person does; say why when it is refused, and tell whether it was done. */
export async function act(name, sent) {
  const why = await refusal(name, sent);
  document.getElementById("refusal").textContent = why;
  await look();
  return !why;
}

async function refusal(name, sent) {
  const headers = { "Content-Type": "application/json" };
  try {
    const response = await fetch(`/_sandbox/${name}`, { method: "POST", headers, body: JSON.stringify(sent) });
    if (response.ok) return "";
    const answer = await response.json().catch(() => ({}));
    return answer.messages?.join(" ") ?? answer.message ?? `Refused (${response.status}).`;
  } catch {
    return "The stand-in does not answer.";
  }
}

/**
 * Draw the parts of a view, each only when its facts changed: what is typed in a form stays, since
 * a form's facts are its subject and its choices alone. Another `key` starts afresh.
 */
export function show(place, key, parts) {
  if (place.dataset.key !== key) {
    place.dataset.key = key;
    place.replaceChildren(...parts.map(() => document.createElement("div")));
    document.getElementById("refusal").textContent = "";
  }
  parts.forEach(([known, make], at) => {
    const signature = JSON.stringify(known);
    if (drawn.get(place.children[at]) === signature) return;
    drawn.set(place.children[at], signature);
    place.children[at].replaceChildren(...[make()].flat(Infinity).filter((node) => node !== null));
  });
}

/** Put a value into an input that nobody has typed in. */
export function propose(place, name, value) {
  for (const field of place.querySelectorAll(`input[name="${name}"]`)) {
    if (field.value === value || field.value !== field.defaultValue) continue;
    field.defaultValue = value;
    field.value = value;
  }
}
