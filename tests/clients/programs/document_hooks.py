"""What schemathesis has to be told before it can send everything that the document describes."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    """Lines are described as bytes, and are sent as they are."""
    return value if isinstance(value, bytes) else str(value).encode()
