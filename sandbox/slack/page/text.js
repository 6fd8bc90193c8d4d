/** Turns Slack's text objects into elements. */
import { el, link, plain } from "./dom.js";

const EMOJI = {
  white_check_mark: "✅", heavy_check_mark: "✔️", warning: "⚠️", x: "❌", red_circle: "🔴",
  large_green_circle: "🟢", large_yellow_circle: "🟡", large_orange_circle: "🟠", rotating_light: "🚨",
  hourglass_flowing_sand: "⏳", hourglass: "⌛", tada: "🎉", moneybag: "💰", wastebasket: "🗑️",
  information_source: "ℹ️", heavy_plus_sign: "➕", link: "🔗", bell: "🔔", lock: "🔒", arrows_counterclockwise: "🔄",
};
const TOKENS = /```([\s\S]+?)```|`([^`\n]+)`|<([^>\n]+)>|\*([^*\n]+)\*|(?<![A-Za-z0-9])_([^_\n]+)_(?![A-Za-z0-9])|~([^~\n]+)~|:([a-z0-9_+-]+):/;
const ADDRESS = /((?:https?:\/\/|www\.)[^\s<>]+|[^\s<>@]+@[^\s<>@]+\.[a-z]{2,})/;

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
  const lines = text.split("\n");
  const nodes = [];
  lines.forEach((line, index) => {
    if (text.includes("```")) return;
    const quoted = line.startsWith("&gt;") ? line.slice(4).trimStart() : null;
    nodes.push(quoted === null ? inline(line, names, links) : el("blockquote", {}, inline(quoted, names, links)));
    if (index < lines.length - 1 && quoted === null) nodes.push(el("br"));
  });
  return text.includes("```") ? inline(text, names, links) : nodes.flat();
}

function inline(text, names, links) {
  const found = TOKENS.exec(text);
  if (!found) return words_of(text, links);
  const before = text.slice(0, found.index);
  const after = text.slice(found.index + found[0].length);
  return [...words_of(before, links), token(found, names, links), ...inline(after, names, links)];
}

function words_of(text, links) {
  if (!text) return [];
  if (!links) return [plain(text)];
  return text.split(ADDRESS).map((part, index) => (index % 2 ? link(target(plain(part)), plain(part)) : plain(part)));
}

function target(address) {
  if (address.startsWith("http")) return address;
  return address.includes("@") ? `mailto:${address}` : `https://${address}`;
}

function token([whole, pre, code, angle, bold, italic, strike, name], names, links) {
  if (pre) return el("pre", {}, plain(pre));
  if (code) return el("code", {}, plain(code));
  if (angle) return reference(angle, names);
  if (bold) return el("strong", {}, inline(bold, names, links));
  if (italic) return el("em", {}, inline(italic, names, links));
  if (strike) return el("s", {}, inline(strike, names, links));
  return EMOJI[name] ?? whole;
}

function reference(angle, names) {
  const [target, label] = [angle.split("|")[0], angle.split("|").slice(1).join("|")];
  if (target.startsWith("@")) return el("span", { class: "mention" }, `@${names[target.slice(1)] ?? label ?? target.slice(1)}`);
  if (target.startsWith("#")) return el("span", { class: "mention" }, `#${names[target.slice(1)] ?? label ?? target.slice(1)}`);
  if (target.startsWith("!date^")) return date(target, label);
  if (target.startsWith("!")) return el("span", { class: "mention" }, `@${label || target.slice(1)}`);
  return link(plain(target), plain(label || target));
}

function date(target, fallback) {
  const [, seconds, format] = target.split("^");
  const moment = new Date(Number(seconds) * 1000);
  if (Number.isNaN(moment.getTime())) return plain(fallback);
  const day = moment.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
  const time = moment.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const shown = (format ?? "{date}").replace(/\{date[^}]*\}/g, day).replace(/\{time[^}]*\}/g, time);
  return el("time", { datetime: moment.toISOString() }, shown);
}

function emoji(text) {
  return plain(text).replace(/:([a-z0-9_+-]+):/g, (whole, name) => EMOJI[name] ?? whole);
}
