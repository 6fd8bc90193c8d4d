"""Who may export, and what a connection does by itself."""
