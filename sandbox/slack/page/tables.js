/** Draws tables: the plain one, and the one that is read page by page. */
import { el } from "./dom.js";

const USUAL_PAGE = 5;

/** Return a `table` block; `cell(item)` draws what one cell holds. */
export function table(block, cell) {
  const settings = block.column_settings ?? [];
  const aligned = (column, row) => settings[column]?.align ?? (row[column].type === "raw_number" ? "right" : null);
  const [head, ...body] = block.rows;
  return el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table" }, el("table", {},
    el("thead", {}, el("tr", {}, head.map((item, at) => el("th", { scope: "col", class: aligned(at, head) }, cell(item))))),
    el("tbody", {}, body.map((row) => el("tr", {}, row.map((item, at) => el("td", { class: aligned(at, row) }, cell(item))))))));
}

/** Return a `data_table` block: a caption, a heading for each row, and pages. */
export function dataTable(block, cell) {
  const [head, ...rows] = block.rows;
  const size = block.page_size ?? USUAL_PAGE;
  const pages = Math.max(1, Math.ceil(rows.length / size));
  const header = block.row_header_column_index ?? 0;
  const body = el("tbody");
  const where = el("span", { role: "status" });
  let page = 0;
  const one = (item, at) => (at === header ? el("th", { scope: "row" }, cell(item)) : el("td", { class: number(item) }, cell(item)));
  const turn = (by) => {
    page = Math.min(Math.max(page + by, 0), pages - 1);
    body.replaceChildren(...rows.slice(page * size, (page + 1) * size).map((row) => el("tr", {}, row.map(one))));
    where.textContent = `${page + 1} of ${pages}`;
  };
  turn(0);
  return el("div", { class: "data" },
    el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": block.caption }, el("table", {}, el("caption", {}, block.caption),
      el("thead", {}, el("tr", {}, head.map((item, at) => el("th", { scope: "col", class: number(rows[0]?.[at]) }, cell(item))))), body)),
    pages > 1 ? el("div", { class: "pages" },
      el("button", { type: "button", "data-key": `${block.block_id}/previous`, onclick: () => turn(-1) }, "Previous"), where,
      el("button", { type: "button", "data-key": `${block.block_id}/next`, onclick: () => turn(1) }, "Next")) : null);
}

function number(item) {
  return item?.type === "raw_number" ? "right" : null;
}
