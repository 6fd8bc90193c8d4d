"""Connecting a Paymo company and a Xero organisation, and disconnecting them."""
