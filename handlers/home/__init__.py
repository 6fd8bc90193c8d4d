"""The panel, Home and help."""
