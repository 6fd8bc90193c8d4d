"""Connecting a Paymo company with a Xero organisation, and disconnecting them."""
