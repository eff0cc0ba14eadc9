"""Steps of features/tls/."""
