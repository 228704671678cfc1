"""How errors are measured in the agreement kit, and how large they may be."""
