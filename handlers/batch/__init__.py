"""Exporting many invoices."""
