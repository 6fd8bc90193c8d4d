"""Comparing both ledgers."""
