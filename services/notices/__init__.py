"""Notifications: who gets which, and how they are delivered."""
