"""The page: widgets, and what passes between them and the engine room. It decides nothing about painting."""

from impasto.studio.page.build import Page, build_page

__all__ = ["Page", "build_page"]
