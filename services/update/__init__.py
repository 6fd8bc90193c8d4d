"""Bringing an exported invoice up to date."""
