"""Exporting an invoice from Paymo to Xero."""
