"""Automatic export of invoices that are certain."""
