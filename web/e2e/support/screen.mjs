// A screen to show. Headless browsers have none, so at the page's border `getDisplayMedia` gives a canvas that is drawn on all the time,
// and, where the browser can make one without a sound card, a tone.

/** Runs in the page before its own scripts. `window.__screen.stop()` is what the browser's own "stop sharing" does. */
export function fakeScreen() {
  if (navigator.mediaDevices === undefined) return;
  navigator.mediaDevices.getDisplayMedia = async ({ audio }) => {
    const canvas = document.createElement("canvas");
    canvas.width = 1280;
    canvas.height = 720;
    const pen = canvas.getContext("2d");
    let frame = 0;
    const draw = () => {
      frame += 1;
      // Like a real screen, most of it stands still: a picture that is new all over costs the machine more than the call does.
      if (frame === 1) {
        pen.fillStyle = "#1d5c63";
        pen.fillRect(0, 0, canvas.width, canvas.height);
      }
      pen.fillStyle = `hsl(${(frame * 7) % 360} 60% 40%)`;
      pen.fillRect(60, 280, 640, 160);
      pen.fillStyle = "white";
      pen.font = "bold 120px sans-serif";
      pen.fillText(`screen ${frame}`, 80, 400);
    };
    draw();
    const timer = setInterval(draw, 66);
    const stream = canvas.captureStream(15);
    if (audio && navigator.userAgent.includes("Chrome")) {
      const context = new AudioContext();
      const tone = context.createOscillator();
      const out = context.createMediaStreamDestination();
      tone.connect(out);
      tone.start();
      for (const track of out.stream.getAudioTracks()) stream.addTrack(track);
    }
    const [picture] = stream.getVideoTracks();
    const stop = picture.stop.bind(picture);
    picture.stop = () => {
      clearInterval(timer);
      stop();
    };
    window.__screen = {
      stop: () => {
        picture.stop();
        picture.dispatchEvent(new Event("ended"));
      },
    };
    return stream;
  };
}
