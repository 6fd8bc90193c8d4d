"""What is said of matching clients."""

NO_CLIENTS = (
    "⏳ No client of Paymo's is known here yet. Right after connecting they are still being read: "
    "close this, and open it again in a moment."
)
