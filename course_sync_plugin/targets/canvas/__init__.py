"""The API of Canvas LMS, as far as a synchroniser needs it. Each module has the calls of one family of objects.

A call is a function that gets a :class:`~course_sync_plugin.targets.canvas.client.CanvasClient`. No function here
repeats a request: Canvas has no idempotency keys, so only the caller knows whether a second POST makes a double.
"""
