"""The words that services, store and handlers share: states, kinds, and small frozen facts."""
