"""The shared door to a Docker engine: every command, every answer, every event goes through here."""
