/** Draws a `data_visualization` block: a pie, bars, lines or areas, and the figures as a legend. */
import { el } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDE, HIGH, EDGE] = [480, 200, 24];

/** Return the chart with its title; screen readers hear every figure. */
export function chart(block) {
  const { title, chart: given } = block;
  const pie = given.type === "pie";
  const figures = pie ? given.segments : given.series;
  const picture = svg("svg", { viewBox: pie ? "-100 -100 200 200" : `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": spoken(title, given), class: given.type },
    pie ? slices(given.segments) : plot(given));
  const entries = figures.map((each, at) => el("li", { class: `c${at}` }, pie ? `${each.label}: ${each.value}` : each.name));
  const axes = [given.axis_config?.x_label, given.axis_config?.y_label].filter(Boolean).join(" · ");
  return el("figure", { class: "chart" }, el("figcaption", {}, title), picture,
    pie || figures.length > 1 ? el("ul", { class: "legend" }, entries) : null, axes ? el("small", {}, axes) : null);
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.flat(Infinity));
  return node;
}

function spoken(title, given) {
  const points = (data) => data.map((each) => `${each.label} ${each.value}`).join(", ");
  if (given.type === "pie") return `${title}: ${points(given.segments)}`;
  return `${title}: ${given.series.map((each) => `${each.name}: ${points(each.data)}`).join("; ")}`;
}

function slices(segments) {
  const whole = segments.reduce((sum, each) => sum + each.value, 0);
  let turned = 0;
  return segments.map((each, at) => {
    const share = each.value / whole;
    const begin = turned;
    turned += share;
    if (share === 1) return svg("circle", { r: 90, class: `c${at}` });
    const [from, to] = [begin, turned].map((part) => [90 * Math.sin(2 * Math.PI * part), -90 * Math.cos(2 * Math.PI * part)]);
    return svg("path", { class: `c${at}`, d: `M0 0L${from}A90 90 0 ${share > 0.5 ? 1 : 0} 1 ${to}Z` });
  });
}

function plot({ type, series, axis_config: { categories } }) {
  const values = series.flatMap((each) => each.data.map((point) => point.value));
  const [top, low] = [Math.max(0, ...values), Math.min(0, ...values)];
  const step = (WIDE - EDGE) / categories.length;
  const scene = { step, y: (value) => EDGE / 2 + (HIGH - 2 * EDGE) * ((top - value) / (top - low || 1)), x: (at) => EDGE / 2 + step * at };
  const names = categories.map((name, at) => svg("text", { x: scene.x(at) + step / 2, y: HIGH - 4, "text-anchor": "middle" }, name));
  const base = svg("line", { x1: EDGE / 2, x2: WIDE - EDGE / 2, y1: scene.y(0), y2: scene.y(0) });
  const draw = type === "bar" ? bars : lines;
  return [series.map((each, at) => draw(each.data, { ...scene, at, of: series.length, type })), base, names];
}

function bars(data, { step, x, y, at, of }) {
  const wide = (step * 0.7) / of;
  return data.map((point, place) => {
    const [from, to] = [Math.min(y(point.value), y(0)), Math.max(y(point.value), y(0))];
    const left = x(place) + step * 0.15 + wide * at;
    const words = svg("text", { x: left + wide / 2, y: from - 3, "text-anchor": "middle" }, point.value.toLocaleString("en-GB"));
    return [svg("rect", { class: `c${at}`, x: left, y: from, width: wide, height: to - from, rx: 2 }), of === 1 ? words : []].flat();
  });
}

function lines(data, { step, x, y, at, type }) {
  const points = data.map((point, place) => `${x(place) + step / 2},${y(point.value)}`);
  if (type === "line") return [svg("polyline", { class: `stroke c${at}`, points: points.join(" ") })];
  const [first, last] = [`${x(0) + step / 2},${y(0)}`, `${x(data.length - 1) + step / 2},${y(0)}`];
  return [svg("polygon", { class: `area c${at}`, points: [first, ...points, last].join(" ") })];
}
