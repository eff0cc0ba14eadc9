"""The trial: what the real Cloudflare does, looked at on a throw-away name before any MX moves."""
