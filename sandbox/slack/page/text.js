/** Turns Slack's text objects into elements. */
import { date } from "./dates.js";
import { el, link, plain } from "./dom.js";

const EMOJI = {
  white_check_mark: "✅", heavy_check_mark: "✔️", warning: "⚠️", x: "❌", red_circle: "🔴",
  large_green_circle: "🟢", large_yellow_circle: "🟡", large_orange_circle: "🟠", rotating_light: "🚨",
  hourglass_flowing_sand: "⏳", hourglass: "⌛", tada: "🎉", moneybag: "💰", wastebasket: "🗑️",
  information_source: "ℹ️", heavy_plus_sign: "➕", link: "🔗", bell: "🔔", lock: "🔒", arrows_counterclockwise: "🔄",
};
// What stands in angle brackets, and emoji, are held apart first: the underscores in them are no marks.
const HELD = /<([^>\n]+)>|:([a-z0-9_+-]+):/g;
const PLACE = /\uE000(\d+)\uE001/;
const TOKENS = /```([\s\S]+?)```|`([^`\n]+)`|\uE000(\d+)\uE001|\*([^*\n]+)\*|(?<![A-Za-z0-9])_([^_\n]+)_(?![A-Za-z0-9])|~([^~\n]+)~/;
const ADDRESS = /((?:https?:\/\/|www\.)[^\s<>\uE000]+|[^\s<>@\uE000]+@[^\s<>@\uE000]+\.[a-z]{2,})/;

/** Return the elements of a text object. */
export function rich(object, names) {
  if (!object) return [];
  if (object.type === "mrkdwn") return mrkdwn(object.text, names, !object.verbatim);
  return [object.emoji === false ? object.text : emoji(object.text)];
}

/** Return the words of a text object, for labels. */
export function words(object) {
  return object ? emoji(object.text) : "";
}

/** Return the elements of Slack's own markup; unless it is verbatim, addresses become links. */
export function mrkdwn(text, names, links = true) {
  const held = [];
  const hold = (whole) => `\uE000${held.push(whole) - 1}\uE001`;
  const scene = { names, links, held };
  const kept = text.replace(HELD, hold);
  if (kept.includes("```")) return inline(kept, scene);
  const lines = kept.split("\n");
  return lines.flatMap((line, index) => {
    if (line.startsWith("&gt;")) return [el("blockquote", {}, inline(line.slice(4).trimStart(), scene))];
    return index < lines.length - 1 ? [...inline(line, scene), el("br")] : inline(line, scene);
  });
}

function inline(text, scene) {
  const found = TOKENS.exec(text);
  if (!found) return words_of(text, scene);
  const before = text.slice(0, found.index);
  const after = text.slice(found.index + found[0].length);
  return [...words_of(before, scene), token(found, scene), ...inline(after, scene)];
}

function words_of(text, scene) {
  if (!text) return [];
  if (!scene.links) return [plain(text)];
  return text.split(ADDRESS).map((part, index) => (index % 2 ? link(target(plain(part)), plain(part)) : plain(part)));
}

function target(address) {
  if (address.startsWith("http")) return address;
  return address.includes("@") ? `mailto:${address}` : `https://${address}`;
}

function token([, pre, code, place, bold, italic, strike], scene) {
  if (pre) return el("pre", {}, plain(unheld(pre, scene)));
  if (code) return el("code", {}, plain(unheld(code, scene)));
  if (place) return meant(scene.held[Number(place)], scene.names);
  if (bold) return el("strong", {}, inline(bold, scene));
  if (italic) return el("em", {}, inline(italic, scene));
  return el("s", {}, inline(strike, scene));
}

function unheld(text, scene) {
  return text.replace(new RegExp(PLACE, "g"), (_, place) => scene.held[Number(place)]);
}

function meant(held, names) {
  return held.startsWith("<") ? reference(held.slice(1, -1), names) : emoji(held);
}

function reference(angle, names) {
  const [target, label] = [angle.split("|")[0], angle.split("|").slice(1).join("|")];
  if (target.startsWith("@")) return el("span", { class: "mention" }, `@${names[target.slice(1)] ?? label ?? target.slice(1)}`);
  if (target.startsWith("#")) return el("span", { class: "mention" }, `#${names[target.slice(1)] ?? label ?? target.slice(1)}`);
  if (target.startsWith("!date^")) return date(target, label);
  if (target.startsWith("!")) return el("span", { class: "mention" }, `@${label || target.slice(1)}`);
  return link(plain(target), plain(label || target));
}

function emoji(text) {
  return plain(text).replace(/:([a-z0-9_+-]+):/g, (whole, name) => EMOJI[name] ?? whole);
}
