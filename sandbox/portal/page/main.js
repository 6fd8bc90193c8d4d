// The three panes and the steps; what is done is asked for every second.
const NAMES = { slack: "Slack", xero: "Xero", paymo: "Paymo" };
const byId = (id) => document.getElementById(id);

function element(tag, fields = {}, ...children) {
  const made = Object.assign(document.createElement(tag), fields);
  made.append(...children);
  return made;
}

function show(pane) {
  for (const tab of byId("tabs").children) tab.setAttribute("aria-selected", tab.dataset.pane === pane);
  for (const frame of byId("panes").children) frame.hidden = frame.dataset.pane !== pane;
}

function openPanes(addresses) {
  if (byId("tabs").children.length) return;
  for (const [pane, address] of Object.entries(addresses)) {
    const tab = element("button", { role: "tab", type: "button", onclick: () => show(pane) }, NAMES[pane]);
    const frame = element("iframe", { src: address, title: NAMES[pane] });
    frame.allow = "clipboard-write";
    for (const each of [tab, frame]) each.dataset.pane = pane;
    byId("tabs").append(tab);
    byId("panes").append(frame);
  }
  show("slack");
}

function copied(text) {
  const button = element("button", { type: "button", title: "Copy" }, "Copy");
  button.onclick = () => navigator.clipboard.writeText(text);
  return [" ", element("code", {}, text), button];
}

let drawn = "";
function drawSteps(steps) {
  if (JSON.stringify(steps) === drawn) return;
  drawn = JSON.stringify(steps);
  const next = steps.findIndex((step) => !step.done);
  byId("steps").replaceChildren(...steps.map((step, place) => {
    const state = step.done ? "done" : place === next ? "next" : "";
    return element("li", { className: state }, step.text, ...(step.copy ? copied(step.copy) : []));
  }));
  byId("done").hidden = next !== -1;
}

function drawMore(more) {
  if (byId("more").children.length) return;
  byId("more").append(...more.map((each) =>
    element("li", {}, each.text, ...(each.copy ? copied(each.copy) : []))));
}

async function look() {
  try {
    const told = await (await fetch("/steps")).json();
    openPanes(told.panes);
    drawSteps(told.steps);
    drawMore(told.more);
  } catch {
    // The demo was stopped, or is about to answer; the next look will tell.
  }
  setTimeout(look, 1000);
}

look();
