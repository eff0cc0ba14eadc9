"""Changes of Terraform's files."""
