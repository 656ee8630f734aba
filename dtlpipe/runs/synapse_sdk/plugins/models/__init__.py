"""Models of progress and logs, at the places where guides import them from; nothing is defined in here."""
