"""What Schemathesis cannot know of this API from its document."""

import uuid

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    """Its keys repeat, and a key that came with another request before is refused, as it should be: here each is new."""
    for name in list(case.headers or {}):
        if name.lower() == "idempotency-key" and not context_is_negative(case):
            case.headers[name] = str(uuid.uuid4())


def context_is_negative(case):
    meta = getattr(case, "meta", None)
    mode = getattr(getattr(meta, "generation", None), "mode", None)
    return getattr(mode, "value", mode) == "negative"
