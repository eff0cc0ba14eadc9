"""Steps of features/routing/."""
