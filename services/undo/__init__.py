"""Undoing exports, and restoring deleted invoices."""
