"""Exporting one invoice."""
