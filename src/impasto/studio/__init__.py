"""The studio: a page on which people order pictures, and the queue, the worker and the folder behind it."""

from impasto.studio.entries import Entry
from impasto.studio.queue import OnClose, Studio
from impasto.studio.ticket import Ticket
from impasto.studio.watch import Standing
from impasto.studio.work import TicketState
from impasto.studio.workspace import Workspace

__all__ = ["Entry", "OnClose", "Standing", "Studio", "Ticket", "TicketState", "Workspace"]
