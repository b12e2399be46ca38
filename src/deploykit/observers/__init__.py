"""Observers that come with deploykit: events as log lines, as JSON, as a spinner. Import the one you want."""
