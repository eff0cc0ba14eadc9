"""Steps of features/dns/."""
