"""How the site is made of these pages: `make docs`. Nothing is fetched, when it is built or when it is read."""

from importlib.metadata import version as version_of

from sphinx.application import Sphinx

project = "deploykit"
author = "deploykit"
version = release = version_of("deploykit")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["links.rst"]  # the list for `make links`
myst_heading_anchors = 4  # the anchors that GitHub makes
smartquotes_action = "D"  # dashes, and no quotes

default_role = "code"  # a `name` in a docstring is code
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": True}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 100
toc_object_entries = False  # hundreds of names beside the text, and a third of the time
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "deploykit"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "monokai"


def setup(app: Sphinx) -> None:
    """Mend what autodoc and napoleon make of our signatures and docstrings."""
    app.connect("autodoc-process-signature", _without_factory)
    app.connect("autodoc-process-docstring", _whole, priority=900)


def _without_factory(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    return signature and signature.replace("<factory>", "..."), returns


def _whole(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    # napoleon takes what stands before a colon in the first line for the type of a value.
    taken = next((line for line in lines if line.startswith(":type: ")), None)
    if taken:
        lines.remove(taken)
        lines[0] = f"{taken.removeprefix(':type: ')}: {lines[0]}"
