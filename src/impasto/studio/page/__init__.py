"""The page: its widgets and their callbacks; decisions about painting are made in the studio."""

from impasto.studio.page.layout import build_page
from impasto.studio.page.widgets import shown_as_jpeg, upload_limit

__all__ = ["build_page", "shown_as_jpeg", "upload_limit"]
