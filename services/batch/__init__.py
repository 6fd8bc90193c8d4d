"""Exporting many invoices: a table, one confirmation, groups, a report."""
