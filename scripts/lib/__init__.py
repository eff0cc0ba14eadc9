"""What the programs in scripts/ share: plan and apply, and one folder for each system that they change."""
