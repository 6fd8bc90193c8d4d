/** The workspace: who you are, where you are, and what you type there. */
import { act, changed, seen } from "./api.js";
import { drawn } from "./blocks.js";
import { el, link, redrawn, toast } from "./dom.js";
import { showMessages } from "./messages.js";
import { showModal } from "./modal.js";

const at = (id) => document.getElementById(id);
const address = new URLSearchParams(location.search);
const here = { user: address.get("user") ?? "", place: address.get("place") ?? "", home: "" };
let world = null;

/** Go somewhere, to type there. */
function go(changes) {
  Object.assign(here, changes);
  keep();
  draw();
  at("typed").focus();
}

/** Have the address bar keep who and where you are over a reload. */
function keep() {
  history.replaceState(null, "", `?${new URLSearchParams({ user: here.user, place: here.place })}`);
}

function scene() {
  const names = {};
  for (const person of world.people) names[person.id] = person.real_name;
  for (const channel of world.channels) names[channel.id] = channel.name;
  names[world.team.bot_user_id] = "paymo-xero";
  return { user: here.user, command: world.command, uses: world.message_shortcuts, people: world.users, channels: rooms(), names };
}

function rooms() {
  return world.channels.filter((channel) => !channel.is_im);
}

function draw() {
  at("team").textContent = world.team.name;
  document.title = `${world.team.name} · Slack (stand-in)`;
  drawPeople();
  drawPlaces();
  drawPlace();
  showModal(world.views, scene());
}

function drawPeople() {
  const signature = JSON.stringify(world.people);
  if (at("people").dataset.signature !== signature) {
    at("people").dataset.signature = signature;
    at("people").replaceChildren(...world.people.map((person) => el("option", { value: person.id }, called(person))));
  }
  at("people").value = here.user;
}

/** Short enough for the menu: the first name and what they do, or the name and where. */
function called({ real_name: name, profile, team }) {
  return profile.title ? `${name.split(" ")[0]}, ${profile.title}` : `${name} (${team})`;
}

function drawPlaces() {
  const entry = (place, label) => el("button", {
    type: "button", "aria-current": here.place === place || (place === "home" && here.place === "app") ? "page" : null,
    onclick: () => (place === "home" ? openHome() : go({ place })),
  }, label);
  const signature = JSON.stringify([here, rooms().map((each) => [each.id, each.name, each.is_private])]);
  if (at("channels").dataset.signature === signature) return;
  at("channels").dataset.signature = signature;
  at("channels").replaceChildren(...rooms().map((each) => entry(each.id, `${each.is_private ? "🔒" : "#"} ${each.name}`)));
  at("apps").replaceChildren(entry("home", "paymo-xero"));
}

function room() {
  if (here.place === "app") return world.direct;
  return rooms().find((channel) => channel.id === here.place);
}

function drawPlace() {
  const inApp = here.place === "home" || here.place === "app";
  const channel = room();
  at("title").querySelector("h1").textContent = inApp ? "paymo-xero" : `${channel.is_private ? "🔒" : "#"} ${channel.name}`;
  drawTabs(inApp);
  at("home").hidden = here.place !== "home";
  at("messages").hidden = at("composer").hidden = here.place === "home";
  if (here.place === "home") drawHome();
  else {
    showMessages(channel, scene());
    at("typed").setAttribute("aria-label", inApp ? "Message paymo-xero" : `Message #${channel.name}`);
    at("typed").placeholder = `${world.command} …`;
    drawShortcuts();
  }
}

function drawTabs(inApp) {
  const signature = inApp ? here.place : "";
  if (at("tabs").dataset.signature === signature) return;
  at("tabs").dataset.signature = signature;
  const tab = (label, place, open) => el("button", {
    type: "button", role: "tab", "aria-selected": String(here.place === place), tabindex: here.place === place ? 0 : -1,
    "aria-controls": place === "home" ? "home" : "messages", onclick: open,
  }, label);
  at("tabs").replaceChildren(...(inApp ? [tab("Home", "home", openHome), tab("Messages", "app", openDirect)] : []));
}

/** Move between the tabs by keyboard. */
function steer(event) {
  const tabs = [...at("tabs").children];
  const now = tabs.indexOf(document.activeElement);
  const places = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: -1 };
  if (!(event.key in places)) return;
  event.preventDefault();
  tabs.at(places[event.key] % tabs.length).click();
  at("tabs").querySelector("[aria-selected=true]").focus();
}

function drawHome() {
  const signature = JSON.stringify([here.user, world.home?.id, world.home?.hash, world.team.installed]);
  if (here.home === signature) return;
  here.home = signature;
  const view = world.home;
  if (!world.team.installed) {
    at("home").replaceChildren(el("p", {}, "paymo-xero is not installed here. ", link(world.install_url, "Add to Slack", { class: "button primary" })));
  } else if (!view) at("home").replaceChildren(el("p", { class: "note" }, "Nothing here yet. Open Messages, and type ", el("code", {}, `${world.command} connect`), "."));
  else redrawn(at("home"), () => at("home").replaceChildren(...drawn(view.blocks, { ...scene(), where: view.id, values: view.state.values })));
}

function drawShortcuts() {
  const options = Object.entries(world.shortcuts).map(([id, name]) => el("option", { value: id }, name));
  if (at("shortcuts").childElementCount) return;
  at("shortcuts").replaceChildren(el("option", { value: "" }, "+"), ...options);
}

function openHome() {
  go({ place: "home" });
  if (world.team.installed) act("home", { user: here.user, tab: "home" });
}

function openDirect() {
  go({ place: "app" });
  if (world.team.installed) act("home", { user: here.user, tab: "messages" });
}

function hint() {
  const typed = at("typed").value;
  const shown = typed.startsWith("/") && world.command.startsWith(typed) && typed !== world.command;
  at("hints").hidden = !shown;
  if (!shown) return;
  const fill = () => {
    at("typed").value = `${world.command} `;
    at("typed").focus();
    hint();
  };
  at("hints").replaceChildren(el("li", {}, el("button", { type: "button", onclick: fill }, world.command)));
}

async function send(event) {
  event.preventDefault();
  const text = at("typed").value.trim();
  const channel = room();
  if (!text || !channel) return;
  at("typed").value = "";
  hint();
  const answer = await said(text, channel);
  // What did not arrive stands there to be sent again.
  if ((answer.error || answer.failure) && !at("typed").value) at("typed").value = text;
}

async function said(text, channel) {
  if (!text.startsWith("/")) return act("say", { user: here.user, channel: channel.id, text });
  const [command, ...rest] = text.split(" ");
  if (command === world.command) return act("command", { user: here.user, channel: channel.id, text: rest.join(" ") });
  const error = `${command} is not a valid command.`;
  toast(error);
  return { error };
}

async function look() {
  const asked = here.user;
  const found = await seen(asked);
  if (asked !== here.user) return; // meanwhile you are somebody else
  world = found;
  here.user = world.user.id;
  const known = ["home", "app", ...rooms().map((each) => each.id)];
  if (!known.includes(here.place)) here.place = rooms()[0]?.id ?? "home";
  draw();
}

async function watch() {
  for (;;) {
    try {
      await look();
      await changed(world.version);
    } catch (error) {
      console.warn(error);
      await new Promise((resolve) => { setTimeout(resolve, 1000); });
    }
  }
}

at("composer").addEventListener("submit", send);
at("typed").addEventListener("input", hint);
at("tabs").addEventListener("keydown", steer);
at("people").addEventListener("change", () => {
  here.user = at("people").value;
  look().then(() => {
    keep();
    if (here.place === "home") openHome();
  });
});
at("shortcuts").addEventListener("change", () => {
  const id = at("shortcuts").value;
  at("shortcuts").value = "";
  if (id) act("shortcut", { user: here.user, callback_id: id });
});
addEventListener("openhome", openHome);
watch();
