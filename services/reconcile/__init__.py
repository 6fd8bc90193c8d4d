"""Comparing what Paymo and Xero state of the same invoices."""
