"""Updating an exported invoice in Xero."""
