"""What channels are told, and how it reaches them."""
