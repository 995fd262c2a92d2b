import arrowLeft from "lucide-static/icons/arrow-left.svg?raw";
import bell from "lucide-static/icons/bell.svg?raw";
import check from "lucide-static/icons/check.svg?raw";
import copy from "lucide-static/icons/copy.svg?raw";
import dots from "lucide-static/icons/ellipsis.svg?raw";
import gauge from "lucide-static/icons/gauge.svg?raw";
import globe from "lucide-static/icons/globe.svg?raw";
import help from "lucide-static/icons/keyboard.svg?raw";
import fullscreen from "lucide-static/icons/maximize.svg?raw";
import mic from "lucide-static/icons/mic.svg?raw";
import micOff from "lucide-static/icons/mic-off.svg?raw";
import fullscreenOff from "lucide-static/icons/minimize.svg?raw";
import minus from "lucide-static/icons/minus.svg?raw";
import moon from "lucide-static/icons/moon.svg?raw";
import phone from "lucide-static/icons/phone.svg?raw";
import phoneOff from "lucide-static/icons/phone-off.svg?raw";
import pictureInPicture from "lucide-static/icons/picture-in-picture-2.svg?raw";
import server from "lucide-static/icons/server.svg?raw";
import settings from "lucide-static/icons/settings-2.svg?raw";
import signalGood from "lucide-static/icons/signal-high.svg?raw";
import signalPoor from "lucide-static/icons/signal-low.svg?raw";
import signalFair from "lucide-static/icons/signal-medium.svg?raw";
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
  bell,
  fullscreen,
  fullscreenOff,
  dots,
  gauge,
  globe,
  minus,
  help,
  moon,
  pictureInPicture,
  settings,
  signalGood,
  signalFair,
  signalPoor,
  zap,
};

export type IconName = keyof typeof ICONS;

/** Decoration only: the words are on the button around it. The SVG is ours, from the build. */
export function Icon({ name }: { name: IconName }) {
  return <span class="icon" aria-hidden="true" dangerouslySetInnerHTML={{ __html: ICONS[name] }} />;
}
