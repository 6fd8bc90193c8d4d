"""Bringing payments and deletions from Xero to Paymo, and refreshing the mirror."""
