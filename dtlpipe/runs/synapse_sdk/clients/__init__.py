"""Clients, at the places where the guides of the run service import them from; nothing is defined in here."""
