"""Changes of Email Routing."""
