"""What channels subscribe to and are told."""
