"""What is known of an invoice, and what people have to do."""
