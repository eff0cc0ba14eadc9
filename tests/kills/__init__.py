"""Scripts that are killed, or whose network fails, at any write: the next run finishes, and no mail is lost."""
