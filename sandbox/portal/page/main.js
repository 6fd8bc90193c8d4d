/** The steps beside the three panes; what is done is asked for every second. */
import { el } from "/kit/dom.js";
import { copier } from "./copier.js";
import { nameOf, openTabs, shownPane, showPane } from "./tabs.js";

const PAUSE = 1000;
const PATIENCE = 3; // looks without an answer, before the demo is said to have stopped
const REST = 2; // looks at what was just done, before the next pane comes into view
const HEED = 8; // looks for which a pane that a person chose stays, whatever step is done
const at = (id) => document.getElementById(id);
let next = null;
let wanted = "";
let rest = 0;
let heed = 0;
let missed = 0;

function step(each, place) {
  return el("li", { "data-number": place + 1 }, el("span", { class: "unseen" }), ...told(each));
}

function told(each) {
  const copy = each.copy ? copier(each.copy, (words) => say(words, each.pane)) : null;
  return [el("span", {}, each.text), copy, way(each.pane)];
}

function way(pane) {
  return el("button", { type: "button", class: "go", "data-pane": pane, click: () => choose(pane) }, `Show ${nameOf(pane)}`);
}

/** Say it to screen readers, and show where it belongs. */
function say(words, pane) {
  at("said").textContent = words;
  visit(pane);
}

/** Show what a person asked for: no step that they have just done leads away from it. */
function choose(pane) {
  heed = HEED;
  visit(pane);
}

function visit(pane) {
  wanted = "";
  showPane(pane);
  drawWays();
}

/** Offer the way to a pane only where it is not shown already. */
function drawWays() {
  for (const each of document.querySelectorAll(".go")) each.hidden = each.dataset.pane === shownPane();
}

function begin({ panes, steps, more }) {
  openTabs(panes, choose);
  at("steps").append(...steps.map(step));
  at("more").append(...more.map((each) => el("li", {}, told(each))));
  at("done").append(way("paymo"));
  visit("slack");
}

function drawSteps(steps) {
  const now = steps.findIndex((step) => !step.done);
  [...at("steps").children].forEach((item, place) => {
    item.className = steps[place].done ? "done" : place === now ? "next" : "";
    item.firstChild.textContent = steps[place].done ? "Done: " : "";
    if (place === now) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  });
  at("done").hidden = now !== -1;
  if (next !== null && next !== now) turn(steps[now]);
  next = now;
}

/** Go on with another step, once no form is open any more where it would be in view. */
function turn(upcoming) {
  at("said").textContent = upcoming ? `Next: ${upcoming.text}` : at("done").firstElementChild.textContent;
  wanted = heed > 0 ? "" : upcoming?.pane ?? "";
  rest = REST;
  if (upcoming) document.querySelector("#steps .next").scrollIntoView({ block: "nearest" });
}

async function look() {
  try {
    const state = await (await fetch("/steps")).json();
    if (next === null) begin(state);
    drawSteps(state.steps);
    missed = 0;
    rest -= 1;
    heed -= 1;
    if (wanted && !state.busy && rest < 0) visit(wanted);
  } catch (error) {
    console.warn(error);
    missed += 1;
  }
  at("lost").hidden = missed < PATIENCE;
  setTimeout(look, PAUSE);
}

at("unfold").addEventListener("click", () => {
  const open = at("unfold").getAttribute("aria-expanded") !== "true";
  at("unfold").setAttribute("aria-expanded", String(open));
  at("unfold").textContent = open ? "Fewer Steps" : "All Steps";
});
look();
