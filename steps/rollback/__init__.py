"""Steps of features/rollback/."""
