"""Taking exports back, and bringing deleted invoices back."""
