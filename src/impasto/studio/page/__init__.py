"""The page: its widgets, and what passes between them and the studio. It decides nothing about painting."""

from impasto.studio.page.layout import Page, build_page

__all__ = ["Page", "build_page"]
