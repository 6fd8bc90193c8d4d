"""From a Paymo invoice and a person's choice to Xero's invoice, and what stops it."""
