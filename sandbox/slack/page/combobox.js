/** A menu that asks the app for its options while a person types. */
import { el, freshId, plain } from "./dom.js";

const PAUSE = 150;

/** Return the field; `load(typed)` gives groups of options, `pick(option)` takes the choice. */
export function combobox({ key, label, placeholder, chosen, load, pick }) {
  const id = freshId();
  const list = el("div", { role: "listbox", id, "aria-label": `${label} options`, hidden: true });
  const input = el("input", {
    role: "combobox", "aria-label": label, "aria-autocomplete": "list", "aria-expanded": "false",
    "aria-controls": id, autocomplete: "off", placeholder, "data-key": key, value: chosen,
  });
  const menu = { input, list, chosen, load, pick, asked: 0, timer: 0 };
  // A press counts from its beginning: drawn anew before its end, the field would hear of no click.
  input.addEventListener("mousedown", () => open(menu, ""));
  input.addEventListener("click", () => { if (list.hidden) open(menu, ""); else selectChosen(menu); });
  input.addEventListener("reopen", (event) => open(menu, event.detail));
  input.addEventListener("input", () => {
    clearTimeout(menu.timer);
    menu.timer = setTimeout(() => open(menu, input.value), PAUSE);
  });
  input.addEventListener("keydown", (event) => steer(menu, event));
  input.addEventListener("blur", () => close(menu));
  list.addEventListener("mousedown", (event) => event.preventDefault());
  return el("div", { class: "combobox" }, input, list);
}

async function open(menu, typed) {
  menu.asked += 1;
  const mine = menu.asked;
  if (!typed) selectChosen(menu);
  menu.input.dataset.asked = typed;
  show(menu, [el("div", { class: "note" }, "Loading…")]);
  const groups = await menu.load(typed);
  if (mine !== menu.asked || document.activeElement !== menu.input) return;
  const options = groups.flatMap((group) => group.options);
  show(menu, options.length ? groups.map((group) => grouped(menu, group)) : [el("div", { class: "note" }, "No results")]);
}

function selectChosen(menu) {
  if (menu.chosen && menu.input.value === menu.chosen) menu.input.select();
}

function show(menu, children) {
  menu.list.replaceChildren(...children);
  menu.list.hidden = false;
  menu.input.setAttribute("aria-expanded", "true");
  menu.input.removeAttribute("aria-activedescendant");
}

function close(menu) {
  clearTimeout(menu.timer);
  menu.asked += 1;
  delete menu.input.dataset.asked;
  menu.list.hidden = true;
  menu.input.setAttribute("aria-expanded", "false");
  menu.input.value = menu.chosen;
}

function grouped(menu, group) {
  const options = group.options.map((option) => entry(menu, option));
  if (!group.label) return el("div", {}, options);
  const label = el("div", { class: "group", "aria-hidden": "true" }, plain(group.label));
  return el("div", { role: "group", "aria-label": plain(group.label) }, label, options);
}

function entry(menu, option) {
  const more = option.description ? el("small", {}, plain(option.description.text)) : null;
  const node = el("div", { role: "option", id: freshId(), "aria-selected": "false" }, plain(option.text.text), more);
  node.addEventListener("click", () => {
    menu.chosen = plain(option.text.text);
    close(menu);
    menu.pick(option);
  });
  return node;
}

function steer(menu, event) {
  const options = [...menu.list.querySelectorAll("[role=option]")];
  const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "Escape" && !menu.list.hidden) {
    event.preventDefault();
    event.stopPropagation();
    close(menu);
  } else if (event.key === "Enter") {
    event.preventDefault();
    options[at]?.click();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (menu.list.hidden) open(menu, "");
    else mark(menu, options, at + (event.key === "ArrowDown" ? 1 : -1));
  }
}

function mark(menu, options, index) {
  const next = options[Math.max(0, Math.min(index, options.length - 1))];
  options.forEach((option) => option.setAttribute("aria-selected", String(option === next)));
  if (!next) return;
  next.scrollIntoView({ block: "nearest" });
  menu.input.setAttribute("aria-activedescendant", next.id);
}
