"""Exporting by itself what is certain enough."""
