"""Changes of DNS records."""
