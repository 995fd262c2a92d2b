"""aiortc: a WebRTC stack in Python, with real codecs by FFmpeg.

    python aiortc_stack.py publish <WHIP URL>    a moving picture and a tone
    python aiortc_stack.py watch <WHEP URL>      decodes and counts
"""

import asyncio
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))

import aiortc
import av
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack

from stack import end, post, say, told_to_end

received = {"video": 0, "audio": 0}


class MovingPicture(VideoStreamTrack):
    """Stripes that move, so that every frame differs."""

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame(320, 240, "yuv420p")
        for plane, size in zip(frame.planes, (320 * 240, 160 * 120, 160 * 120)):
            shift = (pts // 3000) % 64
            plane.update(bytes((n + shift * 4) & 0xFF for n in range(plane.line_size)) * (plane.buffer_size // plane.line_size))
        frame.pts, frame.time_base = pts, time_base
        return frame


async def count(track):
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        if isinstance(frame, av.VideoFrame):
            assert frame.width > 0
        received[track.kind] += 1


async def tell():
    while True:
        await asyncio.sleep(0.2)
        say(event="received", **received)


async def main(mode, url):
    connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
    tasks = [asyncio.create_task(tell())]

    @connection.on("connectionstatechange")
    def state_changed():
        say(event="state", state=connection.connectionState)

    @connection.on("track")
    def got_track(track):
        tasks.append(asyncio.create_task(count(track)))

    if mode == "publish":
        connection.addTransceiver(AudioStreamTrack(), direction="sendonly")
        connection.addTransceiver(MovingPicture(), direction="sendonly")
    else:
        connection.addTransceiver("audio", direction="recvonly")
        connection.addTransceiver("video", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    offer = connection.localDescription.sdp
    answer, location = await asyncio.to_thread(post, url, offer)
    say(event="answered", offer=offer, answer=answer)
    await connection.setRemoteDescription(aiortc.RTCSessionDescription(answer, "answer"))
    await asyncio.to_thread(told_to_end)
    await asyncio.to_thread(end, location)
    await connection.close()
    for task in tasks:
        task.cancel()


asyncio.run(main(*sys.argv[1:]))
