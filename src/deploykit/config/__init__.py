"""The TOML file, validated."""

from deploykit.config.discover import find_config
from deploykit.config.reader import read_config
from deploykit.config.settings import Config
from deploykit.config.shown import public

__all__ = ["Config", "find_config", "public", "read_config"]
