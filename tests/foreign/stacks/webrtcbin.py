"""GStreamer's webrtcbin: a WebRTC stack in C, on libnice, with VP8 by libvpx.

    python3 webrtcbin.py publish <WHIP URL>    a test picture and a tone
    python3 webrtcbin.py watch <WHEP URL>      decodes and counts
"""

import hashlib
import pathlib
import re
import ssl
import subprocess
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))

from stack import end, post, say, told_to_end  # noqa: E402

PUBLISH = """
webrtcbin name=w bundle-policy=max-bundle
videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 ! videoconvert !
  vp8enc deadline=1 cpu-used=8 keyframe-max-dist=250 target-bitrate=400000 ! rtpvp8pay picture-id-mode=2 ! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! w.
audiotestsrc is-live=true ! audioconvert ! opusenc ! rtpopuspay ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111 ! w.
"""

VP8 = "application/x-rtp,media=video,encoding-name=VP8,clock-rate=90000,payload=96,rtcp-fb-nack=true,rtcp-fb-nack-pli=true"
OPUS = "application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=48000,encoding-params=(string)2,payload=111"

# webrtcbin makes itself an RSA certificate, and the DTLS of Tandem takes only ECDSA, which RFC 8827 section 6.5 asks of everybody.
CERTIFICATE = subprocess.run(
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=webrtcbin -keyout - -out -".split(),
    check=True,
    stdout=subprocess.PIPE,
    stderr=subprocess.DEVNULL,
    text=True,
).stdout
FINGERPRINT = hashlib.sha256(ssl.PEM_cert_to_DER_cert(re.search("-----BEGIN CERT.*", CERTIFICATE, re.DOTALL)[0])).digest().hex(":").upper()

received = {"video": 0, "audio": 0}
mode, url = sys.argv[1:]
Gst.init(None)
loop = GLib.MainLoop()


def element_added(_bin, _parent, element):
    if element.get_factory() and element.get_factory().get_name() == "dtlsdec":
        element.set_property("pem", CERTIFICATE)


if mode == "publish":
    pipeline = Gst.Pipeline.new("publish")
    pipeline.connect("deep-element-added", element_added)
    pipeline.add(Gst.parse_launch(PUBLISH))
    webrtc = pipeline.get_by_name("w")
else:
    pipeline = Gst.Pipeline.new("watch")
    pipeline.connect("deep-element-added", element_added)
    webrtc = Gst.ElementFactory.make("webrtcbin", "w")
    webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
    pipeline.add(webrtc)
    direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
    for caps in (OPUS, VP8):
        webrtc.emit("add-transceiver", direction, Gst.Caps.from_string(caps))

location = None


def counted(_pad, info, kind):
    received[kind] += 1
    return Gst.PadProbeReturn.OK


def got_pad(_element, pad):
    """Something comes: decode it, and count what comes out."""
    if pad.get_direction() != Gst.PadDirection.SRC:
        return
    decode = Gst.ElementFactory.make("decodebin", None)
    pipeline.add(decode)
    decode.sync_state_with_parent()
    decode.connect("pad-added", decoded)
    pad.link(decode.get_static_pad("sink"))


def decoded(_element, pad):
    kind = pad.get_current_caps().to_string().split("/")[0]
    sink = Gst.ElementFactory.make("fakesink", None)
    pipeline.add(sink)
    sink.sync_state_with_parent()
    pad.add_probe(Gst.PadProbeType.BUFFER, counted, kind)
    pad.link(sink.get_static_pad("sink"))


def negotiate(*_):
    promise = Gst.Promise.new_with_change_func(offered, None)
    webrtc.emit("create-offer", None, promise)


def offered(promise, _):
    promise.wait()
    # The offer lives only as long as the reply.
    reply = promise.get_reply()
    offer = reply.get_value("offer")
    webrtc.emit("set-local-description", offer, Gst.Promise.new())


def gathered(*_):
    state = webrtc.get_property("ice-gathering-state")
    if state == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
        threading.Thread(target=exchange, daemon=True).start()


def exchange():
    global location
    offer = webrtc.get_property("local-description").sdp.as_text()
    # It names the certificate that it made first.
    offer = re.sub(r"a=fingerprint:\S+ \S+", f"a=fingerprint:sha-256 {FINGERPRINT}", offer)
    answer, location = post(url, offer)
    say(event="answered", offer=offer, answer=answer)
    _, message = GstSdp.SDPMessage.new_from_text(answer)
    description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
    webrtc.emit("set-remote-description", description, Gst.Promise.new())


def tell():
    say(event="received", **received)
    return True


def failed(_bus, message):
    error, details = message.parse_error()
    print(error, details, file=sys.stderr)
    loop.quit()


def stop():
    told_to_end()
    end(location)
    GLib.idle_add(loop.quit)


webrtc.connect("pad-added", got_pad)
webrtc.connect("notify::ice-gathering-state", gathered)
webrtc.connect("notify::connection-state", lambda *_: say(event="state", state=webrtc.get_property("connection-state").value_nick))
webrtc.connect("on-negotiation-needed", negotiate)
bus = pipeline.get_bus()
bus.add_signal_watch()
bus.connect("message::error", failed)
GLib.timeout_add(200, tell)
threading.Thread(target=stop, daemon=True).start()
pipeline.set_state(Gst.State.PLAYING)
loop.run()
pipeline.set_state(Gst.State.NULL)
