/** The three panes and their tabs, by mouse and by keyboard. */
import { el } from "/kit/dom.js";

const PANES = {
  slack: ["Slack", "commands and notifications"],
  xero: ["Xero", "your accounting"],
  paymo: ["Paymo", "your invoices"],
};
const tabs = document.getElementById("tabs");
let shown = "";

/** Return what people call a pane. */
export function nameOf(pane) {
  return PANES[pane][0];
}

/** Return the pane in view. */
export function shownPane() {
  return shown;
}

/** Show one pane; the others keep what they hold, and where they were scrolled to. */
export function showPane(pane) {
  shown = pane;
  for (const tab of tabs.children) {
    const isShown = tab.dataset.pane === pane;
    tab.setAttribute("aria-selected", String(isShown));
    tab.tabIndex = isShown ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !isShown;
  }
}

/** Put up the tabs and their panes; `visit(pane)` is what a person asks for. */
export function openTabs(addresses, visit) {
  for (const [pane, address] of Object.entries(addresses)) {
    const [name, about] = PANES[pane];
    const tab = el("button", {
      type: "button", role: "tab", id: `tab-${pane}`, "aria-controls": `pane-${pane}`, "data-pane": pane, click: () => visit(pane),
    }, name, " ", el("small", {}, about));
    const frame = el("iframe", { src: address, title: name, allow: "clipboard-write" });
    tabs.append(tab);
    document.getElementById("panes").append(
      el("div", { role: "tabpanel", id: `pane-${pane}`, "aria-labelledby": `tab-${pane}` }, frame));
  }
  tabs.addEventListener("keydown", (event) => steer(event, visit));
}

function steer(event, visit) {
  const all = [...tabs.children];
  const here = all.indexOf(document.activeElement);
  const places = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: -1 };
  if (!(event.key in places)) return;
  event.preventDefault();
  const tab = all.at(places[event.key] % all.length);
  visit(tab.dataset.pane);
  tab.focus();
}
