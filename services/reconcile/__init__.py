"""Comparing what Paymo and Xero say about the same invoices."""
