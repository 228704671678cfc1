"""The page of a report: one HTML file that asks for nothing else, without JavaScript."""

from portanet.verify.page.page import html

__all__ = ["html"]
