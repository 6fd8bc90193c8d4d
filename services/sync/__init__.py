"""Bringing payments and deletions from Xero back to Paymo, and keeping the mirror."""
