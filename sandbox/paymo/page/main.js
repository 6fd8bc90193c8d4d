/** The company's pages; the address after # says which one. */
import { badge, el, facts, table } from "/kit/dom.js";
import { look, show, watch } from "/kit/live.js";
import { showInvoice } from "./invoice.js";

const at = (id) => document.getElementById(id);
let chosen = "";

function page(state) {
  const route = location.hash.slice(1) || "accounting/invoices";
  const invoiceId = route.match(/^accounting\/invoices\/(\d+)$/)?.[1];
  const holder = state.companies.find((each) => each.invoices.some((one) => String(one.id) === invoiceId));
  if (holder) chosen = String(holder.id);
  const company = state.companies.find((each) => String(each.id) === chosen) ?? state.companies[0];
  drawTop(state.companies, company, route);
  if (!company) show(at("view"), "none", [["none", () => el("p", {}, "There is no company here yet.")]]);
  else if (invoiceId) showInvoice(at("view"), company, invoiceId, state.today);
  else if (route === "clients") showClients(company);
  else if (route === "settings/api-keys") showKeys(company);
  else showInvoices(company);
}

function drawTop(companies, company, route) {
  at("choice").hidden = companies.length < 2;
  const names = companies.map((each) => [each.id, each.name]);
  if (at("company").dataset.names !== JSON.stringify(names)) {
    at("company").dataset.names = JSON.stringify(names);
    at("company").replaceChildren(...names.map(([id, name]) => el("option", { value: id }, name)));
  }
  at("company").value = company?.id ?? "";
  document.title = `${company?.name ?? "Nothing"} · Paymo (stand-in)`;
  for (const link of document.querySelectorAll("#top nav a")) {
    if (route.startsWith(link.hash.slice(1))) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function titled(company, title, ...nodes) {
  return [el("h1", {}, title), el("p", { class: "note" }, `${company.name} · ${company.currency}`), el("section", { class: "card" }, nodes)];
}

function showInvoices(company) {
  const row = (each) => [
    el("a", { href: `#accounting/invoices/${each.id}` }, each.number),
    each.client, each.date, each.due, badge(each.status), each.total, each.left,
  ];
  const heads = ["Number", "Client", "@Date", "@Due", "Status", "#Total", "#Left to pay"];
  const rows = () => titled(company, "Invoices", table("All invoices, newest first", heads, company.invoices.map(row)));
  show(at("view"), `invoices ${company.id}`, [[company.invoices, rows]]);
}

function showClients(company) {
  const rows = () => titled(company, "Clients", table("All clients", ["Name", "E-mail", "Address"], company.clients.map((each) => [each.name, each.email, each.address])));
  show(at("view"), `clients ${company.id}`, [[company.clients, rows]]);
}

function showKeys(company) {
  const words = "Whoever holds a key may do everything in this company. Paste it where an app asks for it, and nowhere else.";
  const keys = () => titled(company, "API keys", el("p", {}, words), company.keys.map((key) => facts({ "API key": key }, { class: "key" })));
  show(at("view"), `keys ${company.id}`, [[company.keys, keys]]);
}

addEventListener("hashchange", look);
at("company").addEventListener("change", () => {
  chosen = at("company").value;
  if (/invoices\/\d/.test(location.hash)) location.hash = "accounting/invoices";
  look();
});
watch(page);
