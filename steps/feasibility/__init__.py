"""Steps of features/feasibility/."""
