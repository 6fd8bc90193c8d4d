"""The copies of both systems' lists."""
