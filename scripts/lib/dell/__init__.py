"""Changes on Dell."""
