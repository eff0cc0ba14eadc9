"""Changes at Cloudflare: Email Routing, the Worker, its bucket."""
