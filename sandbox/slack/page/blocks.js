/** Draws Block Kit. */
import { chart } from "./charts.js";
import { date } from "./dates.js";
import { el, freshId, link } from "./dom.js";
import { element } from "./elements.js";
import { dataTable, table } from "./tables.js";
import { mrkdwn, rich, words } from "./text.js";

/** Return the elements of a list of blocks. */
export function drawn(blocks, scene) {
  return (blocks ?? []).map((block) => (DRAW[block.type] ?? other)(block, scene));
}

const DRAW = {
  section,
  input,
  divider: () => el("hr"),
  header: (block) => el("h2", { class: "header" }, words(block.text)),
  context: (block, scene) => el("div", { class: "context" }, block.elements.map((item) => part(item, block, scene))),
  actions: (block, scene) => el("div", { class: "actions" }, block.elements.map((item) => element(item, block, scene))),
  image: (block) => el("figure", {}, block.title ? el("figcaption", {}, words(block.title)) : null, el("img", { src: block.image_url, alt: block.alt_text })),
  markdown: (block, scene) => el("div", { class: "markdown" }, mrkdwn(block.text.replaceAll("**", "*"), scene.names)),
  alert: (block, scene) => el("div", { class: `alert ${block.level ?? "default"}`, role: "note" }, el("div", {}, rich(block.text, scene.names))),
  rich_text: (block, scene) => el("div", {}, block.elements.map((item) => richPart(item, scene))),
  table: (block, scene) => table(block, (cell) => cellText(cell, scene)),
  data_table: (block, scene) => dataTable(block, (cell) => cellText(cell, scene)),
  data_visualization: chart,
  card: (block, scene) => el("div", { class: "card" },
    block.title ? el("strong", {}, rich(block.title, scene.names)) : null,
    block.subtitle ? el("small", {}, rich(block.subtitle, scene.names)) : null,
    block.body ? el("div", {}, rich(block.body, scene.names)) : null,
    el("div", { class: "actions" }, (block.actions ?? []).map((item) => element(item, block, scene)))),
};

/** Return the elements of what is attached to a message: a link's unfurled card, for one. */
export function attached(attachments, scene) {
  return (attachments ?? []).map((each) => el("div", { class: "attached", role: "group", "aria-label": "Attachment" },
    each.author_name ? el("small", {}, each.author_name) : null,
    each.title ? el("strong", {}, each.title_link ? link(each.title_link, each.title) : each.title) : null,
    each.blocks?.length ? drawn(each.blocks, scene) : el("div", {}, mrkdwn(each.text ?? each.fallback ?? "", scene.names))));
}

function other(block) {
  return el("div", { class: "note" }, `[${block.type}]`);
}

function section(block, scene) {
  const text = block.text ? el("div", {}, rich(block.text, scene.names)) : null;
  const fields = block.fields ? el("div", { class: "fields" }, block.fields.map((field) => el("div", {}, rich(field, scene.names)))) : null;
  const accessory = block.accessory ? el("div", { class: "accessory" }, element(block.accessory, block, scene)) : null;
  return el("div", { class: "section" }, el("div", {}, text, fields), accessory);
}

function input(block, scene) {
  const label = words(block.label);
  const trouble = scene.errors?.[block.block_id];
  const [id, hintId] = [freshId(), freshId()];
  const field = element(block.element, block, scene, label);
  const box = field.matches("input, select, textarea") ? field : field.querySelector("input");
  if (trouble) box?.setAttribute("aria-invalid", "true");
  const described = [trouble ? id : "", block.hint ? hintId : ""].join(" ").trim();
  if (described) box?.setAttribute("aria-describedby", described);
  return el("div", { class: "input" },
    el("div", { class: "label", "aria-hidden": "true" }, label, block.optional ? el("small", {}, " (optional)") : null),
    field,
    trouble ? el("div", { class: "error", id }, trouble) : null,
    block.hint ? el("div", { class: "hint", id: hintId }, words(block.hint)) : null);
}

function part(item, block, scene) {
  return item.type === "image" ? element(item, block, scene) : el("span", {}, rich(item, scene.names));
}

function richPart(item, scene) {
  const inner = (item.elements ?? []).map((each) => richPart(each, scene));
  switch (item.type) {
    case "text": return styled(item);
    case "link": return link(item.url, item.text ?? item.url);
    case "user": return el("span", { class: "mention" }, `@${scene.names[item.user_id] ?? item.user_id}`);
    case "channel": return el("span", { class: "mention" }, `#${scene.names[item.channel_id] ?? item.channel_id}`);
    case "emoji": return words({ text: `:${item.name}:` });
    case "date": return date(`!date^${item.timestamp}^${item.format}`, item.fallback ?? "");
    case "rich_text_list": return el(item.style === "ordered" ? "ol" : "ul", {}, inner.map((each) => el("li", {}, each)));
    case "rich_text_preformatted": return el("pre", {}, inner);
    case "rich_text_quote": return el("blockquote", {}, inner);
    default: return el("div", { class: "rich" }, inner);
  }
}

function styled(item) {
  const style = item.style ?? {};
  const tag = style.code ? "code" : style.bold ? "strong" : style.italic ? "em" : style.strike ? "s" : "span";
  return el(tag, { class: "rich" }, item.text);
}

function cellText(cell, scene) {
  return cell.type.startsWith("raw_") ? cell.text : richPart(cell, scene);
}
