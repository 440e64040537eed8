"""The actions that the admin and the pages offer: each shows its plan first, and then does exactly that."""
