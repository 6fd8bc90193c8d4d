/** One invoice: what it says, what was paid, what happened, and what people do with it. */
import { badge, button, day, el, facts, form, input, menu, table } from "/kit/dom.js";
import { act, propose, show } from "/kit/live.js";

const KINDS = [["credit_note", "Credit note"], ["overpayment", "Overpayment"], ["prepayment", "Prepayment"]];

export function showInvoice(place, books, invoiceId, today) {
  const invoice = books.invoices.find((each) => each.id === invoiceId);
  if (!invoice) {
    show(place, `gone ${invoiceId}`, [["gone", () => el("h1", {}, "Invoice not found")]]);
    return;
  }
  const { payments, credits, history, ...head } = invoice;
  const takesMoney = invoice.status === "AUTHORISED";
  show(place, `invoice ${invoiceId}`, [
    [head, () => [title(invoice), acts(invoice), sheet(invoice)]],
    [[payments, credits, invoice.status], () => moneyOn(invoice)],
    [[takesMoney, books.banks], () => (takesMoney ? moneyForms(invoiceId, books.banks, today) : null)],
    [history, () => past(history)],
  ]);
  propose(place, "amount", invoice.due_plain);
}

function title(invoice) {
  const sent = invoice.sent ? el("span", { class: "badge" }, "Sent") : null;
  return el("h1", {}, `Invoice ${invoice.number || "(no number)"}`, badge(invoice.status, invoice.status_words), sent);
}

function acts(invoice) {
  const isDraft = ["DRAFT", "SUBMITTED"].includes(invoice.status);
  const isApproved = invoice.status === "AUTHORISED";
  const isStanding = isApproved || invoice.status === "PAID";
  const offered = [
    [isDraft, "Approve", "approve", "primary"],
    [isDraft, "Delete", "delete", "danger"],
    [isStanding && !invoice.sent, "Mark as sent", "mark_sent", ""],
    [isApproved, "Void", "void", "danger"],
  ];
  const shown = offered.filter(([may]) => may);
  return el("div", { class: "acts" }, shown.map(([, words, name, kind]) => button(words, () => act(name, { invoice_id: invoice.id }), kind)));
}

function sheet(invoice) {
  const about = facts({
    To: invoice.contact, Date: day(invoice.date), "Due date": day(invoice.due_date), Reference: invoice.reference,
    Currency: invoice.currency, "Amounts are": invoice.tax_mode, "Created by": invoice.created_by, Link: invoice.url,
  });
  const heads = ["Description", "#Quantity", "#Price", "#Discount", "Account", "Tax rate", "#Tax", "#Amount"];
  const rows = invoice.lines.map((line) => [line.description, line.quantity, line.price, line.discount, line.account, line.tax, line.tax_amount, line.amount]);
  return [el("section", { class: "card" }, about), el("section", { class: "card" }, table("Lines", heads, rows, { foot: invoice.sums }))];
}

function moneyOn(invoice) {
  const payments = invoice.payments.map((each) => [
    each.date, each.account, each.reference, each.amount,
    button("Remove payment", () => act("remove_payment", { payment_id: each.id }), "danger"),
  ]);
  const credits = invoice.credits.map((each) => [
    each.date, each.kind, each.number, each.amount,
    button("Remove credit", () => act("remove_credit", { allocation_id: each.id }), "danger"),
  ]);
  const none = invoice.status === "AUTHORISED" ? "No payments yet. Add one below." : "No payments.";
  const shown = [el("section", { class: "card" }, table("Payments", ["@Date", "Account", "Reference", "#Amount", ""], payments, { none }))];
  if (credits.length) shown.push(el("section", { class: "card" }, table("Credit applied", ["@Date", "Kind", "Number", "#Amount", ""], credits)));
  return shown;
}

function moneyForms(invoiceId, banks, today) {
  const payment = [
    input("Date", { name: "date", type: "date", value: today, required: true }),
    menu("Account", "account_code", banks),
    input("Amount", { name: "amount", inputmode: "decimal", required: true }),
  ];
  const credit = [
    menu("Kind", "kind", KINDS),
    input("Amount", { name: "amount", inputmode: "decimal", required: true }),
  ];
  return el("div", { class: "forms" },
    form("Add payment", payment, (typed) => act("pay", { ...typed, invoice_id: invoiceId })),
    form("Apply credit note", credit, (typed) => act("apply_credit", { ...typed, invoice_id: invoiceId })));
}

function past(history) {
  const rows = history.map((each) => [each.when, each.changes, each.user, each.details]);
  return el("section", { class: "card" }, table("History", ["@When", "What", "Who", "Details"], rows));
}
