/** Shows what is said in a channel: blocks, threads, whispers. */
import { drawn } from "./blocks.js";
import { el } from "./dom.js";
import { mrkdwn } from "./text.js";

const list = document.getElementById("messages");
let room = "";

/** Show a channel's messages; those that stand as they stood are left alone. */
export function showMessages(channel, scene) {
  const opened = room !== `${scene.user}/${channel.id}`;
  room = `${scene.user}/${channel.id}`;
  const low = opened || list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const old = new Map(opened ? [] : [...list.children].map((node) => [node.dataset.ts, node]));
  const threads = Map.groupBy ? Map.groupBy(replies(channel), (each) => each.thread_ts) : grouped(replies(channel));
  const top = channel.messages.filter((each) => !isReply(each) || each.subtype === "thread_broadcast");
  const nodes = top.map((message) => {
    const answers = isReply(message) ? [] : threads.get(message.ts) ?? [];
    const signature = JSON.stringify([message, answers]);
    const before = old.get(message.ts);
    if (before?.dataset.signature === signature) return before;
    return item(message, answers, scene, signature);
  });
  list.replaceChildren(...nodes);
  if (low) list.scrollTop = list.scrollHeight;
}

function isReply(message) {
  return Boolean(message.thread_ts) && message.thread_ts !== message.ts;
}

function replies(channel) {
  return channel.messages.filter(isReply);
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
        el("ol", { "aria-label": "Thread" }, answers.map((each) => el("li", {}, said(each, scene)))))
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
  const body = message.blocks?.length ? drawn(message.blocks, here) : el("div", {}, mrkdwn(message.text ?? "", scene.names));
  return el("article", { class: message.is_ephemeral ? "message whisper" : "message" },
    el("div", { class: app ? "face app" : "face", "aria-hidden": "true" }, app ? "PX" : name.slice(0, 1)),
    el("div", { class: "words" },
      message.is_ephemeral ? el("div", { class: "only" }, "Only visible to you") : null,
      message.subtype === "thread_broadcast" ? el("div", { class: "only" }, "Replied to a thread") : null,
      el("div", { class: "who" },
        el("strong", {}, name),
        app ? el("span", { class: "badge" }, "APP") : null,
        el("time", { datetime: time.toISOString() }, time.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }))),
      body,
      (message.files ?? []).map((each) => el("div", {}, el("a", { href: `files/${each.id}`, download: each.name }, each.title || each.name))),
      message.edited ? el("small", {}, "(edited)") : null));
}
