"""Connecting, syncing and disconnecting."""
