"""The page: its widgets, and what passes between them and the studio. It decides nothing about painting."""

from impasto.studio.page.layout import build_page

__all__ = ["build_page"]
