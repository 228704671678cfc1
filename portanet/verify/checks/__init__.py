"""The checks of the agreement kit: each yields findings of one kind."""
