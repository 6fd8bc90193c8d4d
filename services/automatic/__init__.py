"""Automatic export of invoices that leave no doubt."""
