"""The target ``local``: this site's own database. Each envelope is one transaction with the lane's cursor in it."""
