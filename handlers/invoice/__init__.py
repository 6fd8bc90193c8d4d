"""One exported invoice: why, undo, restore, update."""
