/** Makes elements; text always goes in as text, never as markup. */

/** Return an element; functions are listeners by the event's name, `true` is an empty attribute. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null));
  return node;
}

const DAY = /^(\d{4}-\d\d-\d\d)(.*)$/;
const LONG = /\S{24}/; // a word that no column holds

/**
 * Return a table; a head that starts with "#" stands over figures, one with "@" over days, and cells
 * may be elements. Roles are said, since a narrow page draws each row as a list. Where there are no
 * rows, `none` says how to get one.
 */
export function table(caption, heads, rows, { foot = [], none = "Nothing here yet." } = {}) {
  const kinds = heads.map((head) => ({ "#": "money", "@": "date" })[head[0]] ?? null);
  const names = heads.map((head) => head.replace(/^[#@]/, ""));
  const word = (name, at) => (name ? el("th", { scope: "col", role: "columnheader", class: kinds[at] }, name) : el("td", { role: "cell" }));
  const cell = (held, at) => el("td", { role: "cell", class: kinds[at], "data-head": names[at] },
    held === "" ? null : el("span", { class: LONG.test(held) ? "cell long" : "cell" }, kinds[at] === "date" ? day(held) : held));
  const body = rows.map((row) => el("tr", { role: "row" }, row.map(cell)));
  const sums = foot.map(([name, sum]) => el("tr", { role: "row" },
    el("th", { scope: "row", role: "rowheader", colspan: heads.length - 1 }, name), el("td", { role: "cell", class: "money" }, sum)));
  const empty = el("tr", { role: "row" }, el("td", { role: "cell", colspan: heads.length, class: "empty" }, none));
  return el("table", { role: "table", "aria-label": caption }, el("caption", {}, caption),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, names.map(word))),
    el("tbody", { role: "rowgroup" }, rows.length ? body : empty),
    foot.length ? el("tfoot", { role: "rowgroup" }, sums) : null);
}

/** Write a day as people do, with the time behind it if there is one. */
export function day(iso) {
  const [, date, time] = DAY.exec(iso) ?? [];
  if (!date) return iso;
  const words = new Date(`${date}T12:00`).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
  return words + time;
}

/** Return names and what stands behind them; empty ones are left out. */
export function facts(pairs, attributes = {}) {
  const shown = Object.entries(pairs).filter(([, value]) => value);
  return el("dl", attributes, shown.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

/** Return a badge for a status, in its own or in other words. */
export function badge(status, words = status) {
  return el("span", { class: `badge ${status.toLowerCase()}` }, words);
}

/** Return a labelled input. */
export function input(label, attributes) {
  return el("label", {}, label, el("input", { autocomplete: "off", ...attributes }));
}

/** Return a labelled menu of [value, words] pairs. */
export function menu(label, name, options) {
  return el("label", {}, label, el("select", { name }, options.map(([value, words]) => el("option", { value }, words))));
}

/** Return a form that sends its fields, and starts afresh when they were taken. */
export function form(name, fields, send) {
  const button = el("button", { type: "submit", class: "primary" }, name);
  const node = el("form", { "aria-label": name, class: "card", submit }, el("h2", {}, name), fields, button);
  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      if (await send(Object.fromEntries(new FormData(node)))) node.reset();
    } finally {
      button.disabled = false;
    }
  }
  return node;
}

/** Return a button that can be pressed again once its act is done. */
export function button(words, act, kind = "") {
  const node = el("button", { type: "button", class: kind, click }, words);
  async function click() {
    node.disabled = true;
    try {
      await act();
    } finally {
      node.disabled = false;
    }
  }
  return node;
}
