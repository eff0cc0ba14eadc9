"""Changes at AWS."""
