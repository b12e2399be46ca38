"""deploykit."""
