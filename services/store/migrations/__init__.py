"""Migrations, run by Alembic in a process of their own."""
