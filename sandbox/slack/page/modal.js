/** Shows the modal on top of the stack; redraws only what the app changed. */
import { act } from "./api.js";
import { drawn } from "./blocks.js";
import { el, heldFocus, keyed } from "./dom.js";
import { words } from "./text.js";

const dialog = document.getElementById("modal");
const left = new Map(); // where the focus was in each view, when another came to lie on top
let shown = "";
let back = null;

/** Show the top view of the stack, or nothing. */
export function showModal(views, scene) {
  const view = views.at(-1);
  const now = view ? JSON.stringify([scene.user, view.id, view.hash, view.errors]) : "";
  if (now === shown) return;
  shown = now;
  if (!view) {
    if (dialog.open) {
      dialog.close();
      // The browser gave the focus back while all behind the dialog was inert: such a field takes no typing.
      document.activeElement.blur();
      back();
    }
    return;
  }
  const place = remember();
  if (!dialog.open) back = heldFocus();
  else if (place.view !== view.id) left.set(place.view, place);
  draw(view, { ...scene, where: view.id, values: view.state.values, errors: view.errors });
  if (!dialog.open) dialog.showModal();
  const isFirst = place.waits && firstField();
  if (place.view === view.id && !isFirst) restore(place);
  else if (left.has(view.id)) restore(left.get(view.id));
  else begin(view);
}

function draw(view, scene) {
  const close = (everything) => () => act("close", { user: scene.user, view: view.id, everything });
  dialog.setAttribute("aria-label", words(view.title));
  dialog.dataset.view = view.id;
  // A browser lets a page keep a dialog open at one Escape, and at the next one closes it all the same.
  dialog.onkeydown = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    close(false)();
  };
  const submit = async (event) => {
    event.preventDefault();
    const button = dialog.querySelector("button[type=submit]");
    // A field that still has the focus says what is in it first.
    for (const field of dialog.querySelectorAll("[data-dirty]")) field.dispatchEvent(new Event("change"));
    button.setAttribute("aria-busy", "true");
    await act("submit", { user: scene.user, view: view.id });
    button.removeAttribute("aria-busy");
  };
  dialog.replaceChildren(
    el("header", {}, el("h2", { tabindex: -1 }, words(view.title)), el("button", { type: "button", class: "cross", "aria-label": "Dismiss all", onclick: close(true) }, "✕")),
    el("form", { novalidate: true, onsubmit: submit },
      el("div", { class: "body" }, drawn(view.blocks, scene)),
      el("footer", {},
        el("button", { type: "button", onclick: close(false) }, view.close ? words(view.close) : "Cancel"),
        view.submit ? el("button", { type: "submit", class: "primary" }, words(view.submit)) : null)),
  );
}

/** Keep what was typed and not told yet, where the cursor stood, what an open menu was asked, and whether fields are still to come. */
function remember() {
  const waits = document.activeElement === dialog.querySelector("h2") && !firstField();
  const { key: held, asked } = document.activeElement?.dataset ?? {};
  const dirty = [...dialog.querySelectorAll("[data-dirty]")].map((field) => [field.dataset.key, field.value]);
  return { view: dialog.dataset.view, waits, held, asked, dirty, scroll: dialog.querySelector(".body")?.scrollTop ?? 0 };
}

/** Start where Slack does: at the field that the app names, or the first; never at the way out. */
function begin(view) {
  const wanted = view.blocks.flatMap((block) => [block.element, block.accessory, ...(block.elements ?? [])].map((item) => [block, item]))
    .find(([, item]) => item?.focus_on_load);
  const named = wanted && byKey(`${wanted[0].block_id}/${wanted[1].action_id}`);
  (named ?? firstField() ?? dialog.querySelector("h2")).focus({ preventScroll: !named });
}

function firstField() {
  return dialog.querySelector(".body :is(input, select, textarea)");
}

function restore(place) {
  for (const [key, value] of place.dirty) {
    const field = byKey(key);
    if (field) {
      field.value = value;
      field.dataset.dirty = "yes";
    }
  }
  const same = place.held && keyed([...dialog.querySelectorAll("[data-key]")], place.held);
  // Where that is gone, as on the last page of a table, reading goes on at the top.
  dialog.querySelector(".body").scrollTop = place.held && !same ? 0 : place.scroll;
  const held = same || dialog.querySelector("h2");
  if (!dialog.contains(document.activeElement) || document.activeElement === dialog.querySelector(".cross")) held.focus({ preventScroll: true });
  if (same && place.asked !== undefined) {
    if (place.asked) same.value = place.asked;
    same.dispatchEvent(new CustomEvent("reopen", { detail: place.asked }));
  }
}

function byKey(key) {
  return [...dialog.querySelectorAll("[data-key]")].find((field) => field.dataset.key === key);
}
