"""Matching clients with contacts and accounts."""
