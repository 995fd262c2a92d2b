"""What the stacks in Python have in common: WHIP and WHEP over HTTP (docs/whip.md), and what they tell the test."""

import json
import sys
import urllib.parse
import urllib.request


def say(**event):
    # In one write: several threads of GStreamer may say something at once.
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def post(url, offer):
    """Sends the offer; the answer, and where to end it."""
    request = urllib.request.Request(url, offer.encode(), {"content-type": "application/sdp"}, method="POST")
    with urllib.request.urlopen(request, timeout=15) as response:
        assert response.status == 201, response.status
        return response.read().decode(), urllib.parse.urljoin(url, response.headers["location"])


def end(location):
    request = urllib.request.Request(location, method="DELETE")
    with urllib.request.urlopen(request, timeout=15) as response:
        assert response.status == 200, response.status


def told_to_end():
    """Returns when the test wants the program to end."""
    sys.stdin.read()
