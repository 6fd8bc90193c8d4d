"""Tests: slices through the whole app, edges, and pure arithmetic."""
