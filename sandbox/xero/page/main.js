/** The organisation's pages; the path says which organisation and which page. */
import { badge, button, day, el, facts, table } from "/kit/dom.js";
import { act, show, watch } from "/kit/live.js";
import { showInvoice } from "./invoice.js";

const at = (id) => document.getElementById(id);
const [, , shortCode = "", ...rest] = decodeURI(location.pathname).split("/");
const route = rest.join("/") || "dashboard";
const COUNTRY = new Intl.DisplayNames("en-GB", { type: "region" });
const NAMES = {
  dashboard: "Dashboard", "invoicing/list": "Invoices", contacts: "Contacts",
  accounts: "Chart of accounts", apps: "Connected apps",
};
const VIEWS = {
  dashboard: showDashboard, "invoicing/list": showInvoices, contacts: showContacts,
  accounts: showAccounts, apps: showApps,
};

function page(state) {
  const books = state.organisations.find((each) => each.short_code === shortCode) ?? (shortCode ? null : state.organisations[0]);
  drawTop(state.organisations, books);
  const invoiceId = route.match(/^invoicing\/view\/(.+)$/)?.[1];
  if (!books) show(at("view"), "none", [["none", () => el("h1", {}, "Organisation not found")]]);
  else if (invoiceId) showInvoice(at("view"), books, invoiceId, state.today);
  else (VIEWS[route] ?? showDashboard)(books);
}

function drawTop(organisations, books) {
  const names = organisations.map((each) => [each.short_code, each.name]);
  const signature = JSON.stringify([names, books?.short_code]);
  if (at("organisation").dataset.drawn === signature) return;
  at("organisation").dataset.drawn = signature;
  at("choice").hidden = names.length < 2;
  at("organisation").replaceChildren(...names.map(([code, name]) => el("option", { value: code }, name)));
  at("organisation").value = books?.short_code ?? "";
  document.title = `${books?.name ?? "Nothing"} · Xero (stand-in)`;
  const link = ([path, name]) => el("a", { href: `/app/${books.short_code}/${path}`, "aria-current": path === route ? "page" : null }, name);
  document.querySelector("#top nav").replaceChildren(...(books ? Object.entries(NAMES).map(link) : []));
}

function titled(books, title, nodes) {
  const about = [books.name, books.country && COUNTRY.of(books.country), books.currency, books.is_demo ? "demo company" : ""].filter(Boolean);
  return [el("h1", {}, title), el("p", { class: "note" }, about.filter((each) => each !== title).join(" · ")), nodes];
}

function card(...nodes) {
  return el("section", { class: "card" }, nodes);
}

function invoiceTable(books, caption, invoices) {
  const row = (each) => [
    [el("a", { href: `/app/${books.short_code}/invoicing/view/${each.id}` }, each.number || "(no number)"), each.reference ? el("div", { class: "note" }, each.reference) : null],
    each.contact, each.date, each.due_date,
    [badge(each.status, each.status_words), each.sent ? " Sent" : ""], each.paid, `${each.currency} ${each.due}`,
  ];
  const heads = ["Number", "To", "@Date", "@Due date", "Status", "#Paid", "#Due"];
  const none = ["No invoices yet. Export one from Slack: ", el("code", {}, "/paymo-xero export")];
  return table(caption, heads, invoices.map(row), { none });
}

function showDashboard(books) {
  const tile = ({ name, count, sum }) => el("section", { class: "card", "aria-label": name }, el("h2", {}, name), el("b", {}, String(count)), el("span", { class: "note" }, sum));
  const latest = books.invoices.slice(0, 5);
  show(at("view"), "dashboard", [
    [books.tiles, () => titled(books, books.name, el("div", { class: "tiles" }, books.tiles.map(tile)))],
    [latest, () => card(invoiceTable(books, "Latest invoices", latest))],
  ]);
}

function showInvoices(books) {
  show(at("view"), "invoices", [[books.invoices, () => titled(books, "Invoices", card(invoiceTable(books, "All invoices, newest first", books.invoices)))]]);
}

function showContacts(books) {
  const rows = () => books.contacts.map((each) => [each.name, each.email, badge(each.status)]);
  show(at("view"), "contacts", [[books.contacts, () => titled(books, "Contacts", card(table("All contacts", ["Name", "E-mail", "Status"], rows())))]]);
}

function showAccounts(books) {
  const rows = () => books.accounts.map((each) => [each.code, each.name, each.kind, each.tax, badge(each.status)]);
  const rates = () => books.rates.map((each) => [each.name, each.tax_type, each.rate, badge(each.status)]);
  show(at("view"), "accounts", [
    [books.accounts, () => titled(books, "Chart of accounts", card(table("Accounts", ["Code", "Name", "Type", "Tax rate", "Status"], rows())))],
    [books.rates, () => card(table("Tax rates", ["Name", "Tax type", "#Rate", "Status"], rates()))],
  ]);
}

function showApps(books) {
  const one = (app) => card(facts({ App: app.name, "Connected since": day(app.since) }), el("p", {}, button("Disconnect", () => act("disconnect", { tenant_id: books.tenant_id }), "danger")));
  const none = () => card(el("p", {}, "No app is connected to this organisation. Type ", el("code", {}, "/paymo-xero connect"), " in Slack to connect one."));
  show(at("view"), "apps", [[books.apps, () => titled(books, "Connected apps", books.apps.length ? books.apps.map(one) : none())]]);
}

at("organisation").addEventListener("change", () => { location.pathname = `/app/${at("organisation").value}/dashboard`; });
watch(page);
