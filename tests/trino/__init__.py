"""The SQL of production on a real Trino server, compared with the local Athena row by row."""
