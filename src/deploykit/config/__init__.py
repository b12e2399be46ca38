"""The TOML file, validated."""

from deploykit.config.discover import find_config
from deploykit.config.reader import as_written, read_config
from deploykit.config.settings import Config
from deploykit.config.shown import public

__all__ = ["Config", "as_written", "find_config", "public", "read_config"]
