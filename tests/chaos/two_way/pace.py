"""Makes the plugin wait less than in production, so that a campaign of a minute has many rounds.

Every process of the campaign calls :func:`quicken`. It changes lengths of waits only.
"""

from __future__ import annotations

#: Seconds for which a read of Canvas may be late. The fake's reads are late for less: each time that the weather acts,
#: its replica catches up.
LAG_SECONDS = 3

#: Units of the bucket of Canvas that come back each second. The fake's bucket leaks as fast.
LEAK_PER_SECOND = 300.0

#: Seconds until a look that failed is tried again, and until a silent target is tried again.
_AGAIN = 1


def quicken() -> None:
    """Shorten the waits of the plugin. Call it after Django was set up."""
    from course_sync_plugin.lanes import breaker
    from course_sync_plugin.replication.inbound import poll
    from course_sync_plugin.targets.canvas import discussions, throttling
    from course_sync_plugin.targets.canvas.site import fields, site
    from course_sync_plugin.targets.discourse.site import DiscourseSite
    from course_sync_plugin.targets.two_way.site import Rate

    for module in (discussions, fields, site):
        module.LAG_SECONDS = LAG_SECONDS
    site.CanvasSite.lag_seconds = LAG_SECONDS
    site.CanvasSite.rate = Rate(throttling.FULL, LEAK_PER_SECOND, throttling.FLOOR)
    throttling.LEAK_PER_SECOND = LEAK_PER_SECOND
    DiscourseSite.rate = Rate(full=1e9, per_second=1e9, floor=0)
    poll._AGAIN = breaker.FIRST_PROBE = breaker.MOST_PROBE = _AGAIN
