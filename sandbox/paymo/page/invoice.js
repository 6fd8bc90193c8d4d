/** One invoice: what it says, what was paid, and what people do with it. */
import { badge, button, day, el, facts, form, input, table } from "/kit/dom.js";
import { act, propose, show } from "/kit/live.js";

const STATUSES = ["sent", "void", "draft"];

export function showInvoice(place, company, invoiceId, today) {
  const invoice = company.invoices.find((each) => String(each.id) === invoiceId);
  if (!invoice) {
    show(place, `gone ${invoiceId}`, [["gone", () => gone()]]);
    return;
  }
  const { payments, ...head } = invoice;
  const owes = invoice.left_plain !== "0.00";
  show(place, `invoice ${invoiceId}`, [
    [head, () => [title(invoice), acts(invoice), sheet(invoice)]],
    [[payments, invoice.left], () => paymentsOf(invoice)],
    [[invoice.id, owes], () => (owes ? paymentForm(invoice.id, today) : null)],
  ]);
  propose(place, "amount", invoice.left_plain);
}

function gone() {
  const words = "This invoice is not in Paymo. It may have been deleted. ";
  return [el("h1", {}, "Invoice not found"), el("p", {}, words, el("a", { href: "#accounting/invoices" }, "All invoices"))];
}

function title(invoice) {
  return el("h1", {}, `Invoice ${invoice.number}`, badge(invoice.status));
}

function acts(invoice) {
  const id = invoice.id;
  const others = STATUSES.filter((status) => status !== invoice.status);
  const marks = others.map((status) => button(`Mark as ${status}`, () => act("set_status", { invoice_id: id, status })));
  return el("div", { class: "acts" }, marks, button("Delete invoice", () => act("delete_invoice", { invoice_id: id }), "danger"));
}

function sheet(invoice) {
  const about = facts({ Client: invoice.client, Date: day(invoice.date), "Due date": day(invoice.due), Currency: invoice.currency, Notes: invoice.notes });
  const heads = ["Item", "Description", "#Quantity", "#Price", "Taxed", "#Amount"];
  const rows = invoice.lines.map((line) => [line.item, line.description, line.quantity, line.price, line.taxed ? "Yes" : "No", line.amount]);
  return [el("section", { class: "card" }, about), el("section", { class: "card" }, table("Lines", heads, rows, { foot: invoice.sums }))];
}

function paymentsOf(invoice) {
  const row = (each) => [
    each.date, each.notes, each.amount,
    button("Delete payment", () => act("delete_payment", { payment_id: each.id }), "danger"),
  ];
  const rows = invoice.payments.map(row);
  const left = el("p", {}, `Left to pay: ${invoice.currency} ${invoice.left}`);
  const none = "No payments yet. One that you add in Xero appears here.";
  const list = table("Payments", ["@Date", "Notes", "#Amount", ""], rows, { none });
  return el("details", { class: "card", open: true }, el("summary", {}, `View payments (${rows.length})`), list, left);
}

function paymentForm(invoiceId, today) {
  const fields = [
    input("Date", { name: "date", type: "date", value: today, required: true }),
    input("Amount", { name: "amount", inputmode: "decimal", required: true }),
    input("Notes", { name: "notes" }),
  ];
  return form("Add payment", fields, (typed) => act("pay", { ...typed, invoice_id: invoiceId }));
}
