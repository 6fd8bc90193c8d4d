"""Why an invoice stands where it stands."""
