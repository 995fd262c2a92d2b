// A small camera, for stories in which several browsers of one machine send to each other: their encoders would take more than it has,
// and what was measured then would be the machine.

/** Runs in the page before its own scripts. */
export function smallCamera() {
  const devices = navigator.mediaDevices;
  if (devices === undefined) return;
  const open = devices.getUserMedia.bind(devices);
  devices.getUserMedia = ({ video, ...rest }) => {
    if (!video) return open({ video, ...rest });
    const wished = video === true ? {} : video;
    return open({
      ...rest,
      video: { ...wished, width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 15 } },
    });
  };
}
