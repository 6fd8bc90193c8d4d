"""Channels' subscriptions and notifications."""
