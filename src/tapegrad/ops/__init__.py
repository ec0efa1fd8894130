"""The operations; each stands with its gradient in one of the modules here."""
