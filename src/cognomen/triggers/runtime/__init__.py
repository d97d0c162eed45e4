"""What runs in the child processes of local functions. Nothing here imports the server."""
