"""Models that look their vectors up themselves: other vectors take the place of what they find."""
