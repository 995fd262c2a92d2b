import arrowLeft from "lucide-static/icons/arrow-left.svg?raw";
import check from "lucide-static/icons/check.svg?raw";
import copy from "lucide-static/icons/copy.svg?raw";
import mic from "lucide-static/icons/mic.svg?raw";
import micOff from "lucide-static/icons/mic-off.svg?raw";
import phone from "lucide-static/icons/phone.svg?raw";
import phoneOff from "lucide-static/icons/phone-off.svg?raw";
import server from "lucide-static/icons/server.svg?raw";
import alert from "lucide-static/icons/triangle-alert.svg?raw";
import video from "lucide-static/icons/video.svg?raw";
import videoOff from "lucide-static/icons/video-off.svg?raw";
import volume from "lucide-static/icons/volume-2.svg?raw";
import wifiOff from "lucide-static/icons/wifi-off.svg?raw";
import close from "lucide-static/icons/x.svg?raw";
import zap from "lucide-static/icons/zap.svg?raw";

const ICONS = {
  alert,
  arrowLeft,
  check,
  close,
  copy,
  mic,
  micOff,
  phone,
  phoneOff,
  server,
  video,
  videoOff,
  volume,
  wifiOff,
  zap,
};

export type IconName = keyof typeof ICONS;

/** Decoration only: the words are on the button around it. The SVG is ours, from the build. */
export function Icon({ name }: { name: IconName }) {
  return <span class="icon" aria-hidden="true" dangerouslySetInnerHTML={{ __html: ICONS[name] }} />;
}
