"""What actions are made of, at the places where guides import it from; nothing is defined in here."""
