/** Draws what people act on: buttons, menus, boxes and fields. */
import { act } from "./api.js";
import { combobox } from "./combobox.js";
import { el, link, plain } from "./dom.js";
import { rich, words } from "./text.js";

/** Return one element of a block; `scene` knows who looks, at what, and what is filled in. */
export function element(item, block, scene, label = "") {
  const draw = DRAW[item.type] ?? (() => el("span", { class: "note" }, `[${item.type}]`));
  return draw({ item, block, scene, label: label || words(item.placeholder) || item.action_id, key: `${block.block_id}/${item.action_id}` });
}

const DRAW = {
  button,
  overflow,
  image: ({ item }) => el("img", { src: item.image_url, alt: item.alt_text, class: "small" }),
  static_select: (spot) => select(spot, listed(spot.item)),
  multi_static_select: (spot) => select(spot, listed(spot.item), true),
  external_select: external,
  multi_external_select: external,
  users_select: (spot) => select(spot, people(spot.scene)),
  multi_users_select: (spot) => select(spot, people(spot.scene), true),
  conversations_select: (spot) => select(spot, rooms(spot.scene)),
  multi_conversations_select: (spot) => select(spot, rooms(spot.scene), true),
  channels_select: (spot) => select(spot, rooms(spot.scene)),
  multi_channels_select: (spot) => select(spot, rooms(spot.scene), true),
  checkboxes: (spot) => boxes(spot, "checkbox"),
  radio_buttons: (spot) => boxes(spot, "radio"),
  plain_text_input: (spot) => typed(spot, "text"),
  number_input: (spot) => typed(spot, "text"),
  email_text_input: (spot) => typed(spot, "email"),
  url_text_input: (spot) => typed(spot, "url"),
  datepicker: (spot) => typed(spot, "date"),
  timepicker: (spot) => typed(spot, "time"),
};

/** Tell the stand-in what was chosen. */
function choose({ item, block, scene }, value) {
  return act("choose", { user: scene.user, where: scene.where, action_id: item.action_id, block_id: block.block_id, value });
}

function kept({ item, block, scene }) {
  return scene.values?.[block.block_id]?.[item.action_id] ?? {};
}

function button({ item, block, scene }) {
  const label = { "aria-label": item.accessibility_label, "data-key": `${block.block_id}/${item.action_id}` };
  const press = () => act("press", { user: scene.user, where: scene.where, action_id: item.action_id, block_id: block.block_id });
  if (item.url) return link(item.url, words(item.text), { class: `button ${item.style ?? ""}`, onclick: press, ...label });
  const pressed = async (event) => {
    if (!(await confirmed(item.confirm, scene))) return;
    event.target.setAttribute("aria-busy", "true");
    await press();
    event.target.removeAttribute("aria-busy");
  };
  return el("button", { type: "button", class: item.style ?? "", onclick: pressed, ...label }, words(item.text));
}

function overflow(spot) {
  const options = spot.item.options.map((option) => el("option", { value: option.value }, words(option.text)));
  const menu = el("select", { "aria-label": "More", class: "overflow", "data-key": spot.key }, el("option", { value: "" }, "⋯"), options);
  menu.addEventListener("change", async () => {
    const value = menu.value;
    menu.value = "";
    if (value && (await confirmed(spot.item.confirm, spot.scene))) choose(spot, value);
  });
  return menu;
}

function listed(item) {
  const one = (option) => [option.value, words(option.text)];
  if (item.option_groups) return item.option_groups.map((group) => [words(group.label), group.options.map(one)]);
  return item.options.map(one);
}

function people(scene) {
  return scene.people.map((person) => [person.id, person.real_name]);
}

function rooms(scene) {
  return scene.channels.map((channel) => [channel.id, `# ${channel.name}`]);
}

function select(spot, options, multiple = false) {
  const one = ([value, text]) => Array.isArray(text)
    ? el("optgroup", { label: value }, text.map(one))
    : el("option", { value }, text);
  const none = multiple ? null : el("option", { value: "" }, words(spot.item.placeholder) || "Select…");
  const menu = el("select", { "aria-label": spot.label, "data-key": spot.key, multiple }, none, options.map(one));
  const chosen = new Set(flat(kept(spot)));
  for (const option of menu.options) option.selected = chosen.has(option.value) || (!chosen.size && option.value === "");
  menu.addEventListener("change", () => {
    const values = [...menu.selectedOptions].map((option) => option.value);
    choose(spot, multiple ? values : values[0] || null);
  });
  return menu;
}

/** Return the ids or values in an answer, whatever its kind. */
function flat(answer) {
  const held = Object.entries(answer).filter(([name]) => name.startsWith("selected_")).map(([, value]) => value);
  return held.flat().filter(Boolean).map((value) => value.value ?? value);
}

function external(spot) {
  const answer = kept(spot);
  const several = spot.item.type.startsWith("multi_");
  const chosen = answer.selected_option ? plain(answer.selected_option.text.text) : "";
  const field = combobox({
    key: spot.key,
    label: spot.label,
    placeholder: words(spot.item.placeholder) || "Type to search",
    chosen,
    load: async (typedText) => {
      const asked = { user: spot.scene.user, where: spot.scene.where, action_id: spot.item.action_id, block_id: spot.block.block_id, typed: typedText };
      return (await act("options", asked)).groups ?? [];
    },
    pick: (option) => choose(spot, several ? [...flat(kept(spot)), option.value] : option.value),
  });
  if (several) field.append(el("small", {}, (answer.selected_options ?? []).map((option) => plain(option.text.text)).join(", ")));
  return field;
}

function boxes(spot, type) {
  const chosen = new Set(flat(kept(spot)));
  const inputs = spot.item.options.map((option) => el("input", { type, name: spot.key, value: option.value, "data-key": `${spot.key}/${option.value}` }));
  inputs.forEach((input) => { input.checked = chosen.has(input.value); });
  const tell = () => {
    const values = inputs.filter((input) => input.checked).map((input) => input.value);
    choose(spot, type === "radio" ? values[0] : values);
  };
  const lines = spot.item.options.map((option, index) => {
    inputs[index].addEventListener("change", tell);
    const more = option.description ? el("small", {}, rich(option.description, spot.scene.names)) : null;
    return el("label", {}, inputs[index], el("span", {}, rich(option.text, spot.scene.names), more));
  });
  return el("div", { role: type === "radio" ? "radiogroup" : "group", "aria-label": spot.label, class: "boxes" }, lines);
}

function typed(spot, type) {
  const answer = kept(spot);
  const value = answer.value ?? answer.selected_date ?? answer.selected_time ?? "";
  const asked = { "aria-label": spot.label, "data-key": spot.key, placeholder: words(spot.item.placeholder) || null };
  const field = spot.item.multiline ? el("textarea", { ...asked, rows: 3, value }) : el("input", { ...asked, type, value, autocomplete: "off" });
  const tell = () => {
    clearTimeout(field.timer);
    delete field.dataset.dirty;
    return choose(spot, field.value || null);
  };
  const eager = spot.item.dispatch_action_config?.trigger_actions_on?.includes("on_character_entered");
  field.addEventListener("input", () => {
    field.dataset.dirty = "yes";
    clearTimeout(field.timer);
    if (eager) field.timer = setTimeout(tell, 300);
  });
  if (type === "date" || type === "time") byParts(field, tell);
  else field.addEventListener("change", tell);
  return field;
}

/** A date is typed part by part, each of which makes another one: it is told when it is whole. */
function byParts(field, tell) {
  let isTyping = false;
  const told = () => {
    isTyping = false;
    if (field.dataset.dirty) tell();
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      told();
    } else if (event.key !== "Tab") isTyping = true;
  });
  field.addEventListener("change", () => { if (!isTyping) told(); });
  field.addEventListener("blur", told);
}

/** Ask first where the app wants that. */
function confirmed(confirm, scene) {
  if (!confirm) return Promise.resolve(true);
  const dialog = document.getElementById("confirm");
  return new Promise((resolve) => {
    const answer = (value) => () => { dialog.close(); resolve(value); };
    dialog.setAttribute("aria-label", words(confirm.title));
    dialog.replaceChildren(
      el("h2", {}, words(confirm.title)),
      el("p", {}, rich(confirm.text, scene.names)),
      el("footer", {},
        el("button", { type: "button", onclick: answer(false) }, words(confirm.deny)),
        el("button", { type: "button", class: confirm.style ?? "primary", onclick: answer(true) }, words(confirm.confirm))),
    );
    dialog.oncancel = () => resolve(false);
    dialog.showModal();
  });
}
