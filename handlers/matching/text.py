"""What is said of matching clients."""

NO_CLIENTS = "⏳ We're still reading Paymo's clients. Close this and open it again in a moment."
