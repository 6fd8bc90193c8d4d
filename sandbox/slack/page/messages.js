/** Shows what is said in a channel: blocks, threads, whispers. */
import { act } from "./api.js";
import { attached, drawn } from "./blocks.js";
import { el, redrawn } from "./dom.js";
import { mrkdwn } from "./text.js";

const list = document.getElementById("messages");
let room = "";
let low = true;

list.addEventListener("scroll", () => { low = list.scrollHeight - list.scrollTop - list.clientHeight < 80; });
new ResizeObserver(() => { if (low) list.scrollTop = list.scrollHeight; }).observe(list);

/** Show a channel's messages; those that stand as they stood are left alone, the newest comes into view. */
export function showMessages(channel, scene) {
  const opened = room !== `${scene.user}/${channel.id}`;
  room = `${scene.user}/${channel.id}`;
  const old = new Map(opened ? [] : [...list.children].map((node) => [node.dataset.ts, node]));
  const known = new Set(opened ? [] : [...list.querySelectorAll("[data-said]")].map((node) => node.dataset.said));
  const threads = grouped(channel.messages.filter(isReply));
  const top = channel.messages.filter((each) => !isReply(each) || each.subtype === "thread_broadcast");
  const nodes = top.map((message) => {
    const answers = isReply(message) ? [] : threads.get(message.ts) ?? [];
    const parent = isReply(message) ? channel.messages.find((each) => each.ts === message.thread_ts) : null;
    const signature = JSON.stringify([message, answers, parent?.text]);
    const before = old.get(message.ts);
    if (before?.dataset.signature === signature) return before;
    return item(message, answers, { ...scene, parent }, signature);
  });
  redrawn(list, () => list.replaceChildren(...(nodes.length ? nodes : [invitation(channel, scene)])));
  const fresh = channel.messages.filter((each) => !known.has(each.ts));
  const newest = opened ? null : fresh.filter((each) => low || each.is_ephemeral || each.user === scene.user).at(-1);
  if (newest) bringUp(newest.ts);
  else if (opened || low) list.scrollTop = list.scrollHeight;
}

/** Bring a message into view, wherever its thread is; of a tall one, the beginning. */
function bringUp(ts) {
  const node = [...list.querySelectorAll("[data-said]")].find((each) => each.dataset.said === ts);
  if (!node) return;
  node.scrollIntoView({ block: node.offsetHeight > list.clientHeight ? "start" : "nearest" });
}

function invitation(channel, scene) {
  const where = channel.is_im ? "your messages with paymo-xero" : `#${channel.name}`;
  return el("li", { class: "empty" },
    el("strong", {}, `This is ${where}.`),
    el("p", {}, "Nothing here yet. Type ", el("code", {}, `${scene.command} connect`), " below to connect Paymo and Xero."));
}

function isReply(message) {
  return Boolean(message.thread_ts) && message.thread_ts !== message.ts;
}

function grouped(messages) {
  const threads = new Map();
  for (const each of messages) threads.set(each.thread_ts, [...(threads.get(each.thread_ts) ?? []), each]);
  return threads;
}

function item(message, answers, scene, signature) {
  const thread = answers.length
    ? el("details", { class: "thread", open: true },
        el("summary", {}, answers.length === 1 ? "1 reply" : `${answers.length} replies`),
        el("ol", { "aria-label": "Thread" }, answers.map((each) => el("li", {}, said(each, { ...scene, inThread: true })))))
    : null;
  const node = el("li", { "data-ts": message.ts }, said(message, scene), thread);
  node.dataset.signature = signature;
  return node;
}

function said(message, scene) {
  const app = Boolean(message.bot_id);
  const name = app ? "paymo-xero" : scene.names[message.user] ?? message.user;
  const time = new Date(Number(message.ts) * 1000);
  const here = { ...scene, where: message.ts, values: message.state?.values };
  const sent = message.subtype === "thread_broadcast";
  const body = message.blocks?.length ? drawn(message.blocks, here) : el("div", {}, mrkdwn(message.text ?? "", scene.names));
  const about = scene.parent?.text ? `Replied to a thread: ${firstLine(scene.parent.text)}` : "Replied to a thread";
  return el("article", { class: message.is_ephemeral ? "message whisper" : "message", "data-said": message.ts },
    el("div", { class: app ? "face app" : "face", "aria-hidden": "true" }, app ? "PX" : name.slice(0, 1)),
    el("div", { class: "words" },
      message.is_ephemeral ? el("div", { class: "only" }, "Only visible to you") : null,
      sent ? el("div", { class: "only" }, scene.inThread ? "Also sent to the channel" : mrkdwn(about, scene.names)) : null,
      el("div", { class: "who" },
        el("strong", {}, name),
        app ? el("span", { class: "badge" }, "APP") : null,
        el("time", { datetime: time.toISOString() }, time.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }))),
      body,
      message.is_ephemeral ? null : uses(message, scene),
      attached(message.attachments, here),
      (message.files ?? []).map((each) => el("div", {}, el("a", { href: `files/${each.id}`, download: each.name }, each.title || each.name))),
      message.edited ? el("small", {}, "(edited)") : null));
}

/** What can be done with a message, where the app offers anything. */
function uses(message, scene) {
  const offered = Object.entries(scene.uses ?? {});
  if (!offered.length) return null;
  const menu = el("select", { "aria-label": "More actions", class: "uses", "data-key": "uses" }, el("option", { value: "" }, "⋯"), offered.map(([id, name]) => el("option", { value: id }, name)));
  menu.addEventListener("change", () => {
    const id = menu.value;
    menu.value = "";
    if (id) act("use_on", { user: scene.user, where: message.ts, callback_id: id });
  });
  return menu;
}

function firstLine(text) {
  return text.split("\n")[0];
}
