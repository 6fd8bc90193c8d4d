"""What was done, by whom, and one exported invoice."""
