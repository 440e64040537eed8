"""The target ``event-bus``: the Open edX event bus, with whichever producer the site has configured."""
