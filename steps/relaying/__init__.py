"""Steps of features/relaying/."""
