/** Makes elements; text always goes in as text, never as markup. */

/** Return an element with attributes, listeners (`onclick`) and children. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Return a link that opens elsewhere or at the app's Home, or only its words when it is neither. */
export function link(address, words, attributes = {}) {
  if (/^slack:\/\/app\?.*\btab=home\b/.test(address)) {
    const open = (event) => { event.preventDefault(); dispatchEvent(new Event("openhome")); };
    return el("a", { href: "#home", onclick: open, ...attributes }, words);
  }
  if (!/^(https?:|mailto:)/.test(address)) return el("span", attributes, words);
  return el("a", { href: address, target: "_blank", rel: "noopener", ...attributes }, words);
}

/** Say something for a moment, also to screen readers. */
export function toast(words) {
  const place = document.getElementById("toast");
  place.textContent = words;
  // Shown anew, it comes to lie above a modal that was opened since.
  place.hidePopover();
  place.showPopover();
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => place.hidePopover(), 8000);
}

/** Remember what has the focus; the answer gives it back, also where it was drawn anew since. */
export function heldFocus() {
  const node = document.activeElement;
  const { key } = node.dataset;
  const said = node.closest("[data-said]")?.dataset.said;
  return () => {
    const beside = [...document.querySelectorAll("[data-key]")].filter((each) => each.closest("[data-said]")?.dataset.said === said);
    const there = node.isConnected ? node : keyed(beside, key);
    (there ?? start()).focus({ preventScroll: true });
  };
}

/** Return what has this key; Slack names blocks anew where the app does not: then the act alone says which. */
export function keyed(nodes, key) {
  const act = key?.slice(key.lastIndexOf("/"));
  return nodes.find((each) => each.dataset.key === key) ?? nodes.find((each) => act && each.dataset.key.endsWith(act));
}

/** Return where to go on: the field to type in, or on Home, which has none, its tab. */
function start() {
  const typed = document.getElementById("typed");
  return typed.checkVisibility() ? typed : document.querySelector("#tabs [aria-selected=true]") ?? typed;
}

/** Draw a part anew; what had the focus in it has it again. */
export function redrawn(part, draw) {
  const back = part.contains(document.activeElement) ? heldFocus() : null;
  draw();
  if (back && !part.contains(document.activeElement)) back();
}

let lastId = 0;

/** Return an id that no other element has. */
export function freshId() {
  lastId += 1;
  return `e${lastId}`;
}

/** Undo Slack's three entities. */
export function plain(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
