"""What the product does, in domain words."""
