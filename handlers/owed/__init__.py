"""What clients owe."""
