import arrowLeft from "lucide-static/icons/arrow-left.svg?raw";
import ban from "lucide-static/icons/ban.svg?raw";
import bell from "lucide-static/icons/bell.svg?raw";
import check from "lucide-static/icons/check.svg?raw";
import chevronLeft from "lucide-static/icons/chevron-left.svg?raw";
import chevronRight from "lucide-static/icons/chevron-right.svg?raw";
import pause from "lucide-static/icons/circle-pause.svg?raw";
import clock from "lucide-static/icons/clock.svg?raw";
import copy from "lucide-static/icons/copy.svg?raw";
import crown from "lucide-static/icons/crown.svg?raw";
import door from "lucide-static/icons/door-open.svg?raw";
import download from "lucide-static/icons/download.svg?raw";
import dots from "lucide-static/icons/ellipsis.svg?raw";
import file from "lucide-static/icons/file.svg?raw";
import gauge from "lucide-static/icons/gauge.svg?raw";
import globe from "lucide-static/icons/globe.svg?raw";
import hand from "lucide-static/icons/hand.svg?raw";
import help from "lucide-static/icons/keyboard.svg?raw";
import grid from "lucide-static/icons/layout-grid.svg?raw";
import speakerView from "lucide-static/icons/layout-panel-left.svg?raw";
import link from "lucide-static/icons/link.svg?raw";
import lock from "lucide-static/icons/lock.svg?raw";
import lockOpen from "lucide-static/icons/lock-open.svg?raw";
import logIn from "lucide-static/icons/log-in.svg?raw";
import logOut from "lucide-static/icons/log-out.svg?raw";
import fullscreen from "lucide-static/icons/maximize.svg?raw";
import message from "lucide-static/icons/message-square.svg?raw";
import mic from "lucide-static/icons/mic.svg?raw";
import micOff from "lucide-static/icons/mic-off.svg?raw";
import fullscreenOff from "lucide-static/icons/minimize.svg?raw";
import minus from "lucide-static/icons/minus.svg?raw";
import devices from "lucide-static/icons/monitor-smartphone.svg?raw";
import moon from "lucide-static/icons/moon.svg?raw";
import paperclip from "lucide-static/icons/paperclip.svg?raw";
import pencil from "lucide-static/icons/pencil.svg?raw";
import phone from "lucide-static/icons/phone.svg?raw";
import phoneIncoming from "lucide-static/icons/phone-incoming.svg?raw";
import phoneMissed from "lucide-static/icons/phone-missed.svg?raw";
import phoneOff from "lucide-static/icons/phone-off.svg?raw";
import phoneOutgoing from "lucide-static/icons/phone-outgoing.svg?raw";
import pictureInPicture from "lucide-static/icons/picture-in-picture-2.svg?raw";
import pin from "lucide-static/icons/pin.svg?raw";
import pinOff from "lucide-static/icons/pin-off.svg?raw";
import plus from "lucide-static/icons/plus.svg?raw";
import screenShare from "lucide-static/icons/screen-share.svg?raw";
import screenShareOff from "lucide-static/icons/screen-share-off.svg?raw";
import sendIcon from "lucide-static/icons/send-horizontal.svg?raw";
import server from "lucide-static/icons/server.svg?raw";
import settings from "lucide-static/icons/settings-2.svg?raw";
import signalGood from "lucide-static/icons/signal-high.svg?raw";
import signalPoor from "lucide-static/icons/signal-low.svg?raw";
import signalFair from "lucide-static/icons/signal-medium.svg?raw";
import smile from "lucide-static/icons/smile-plus.svg?raw";
import switchCamera from "lucide-static/icons/switch-camera.svg?raw";
import trash from "lucide-static/icons/trash-2.svg?raw";
import alert from "lucide-static/icons/triangle-alert.svg?raw";
import userCheck from "lucide-static/icons/user-check.svg?raw";
import userMinus from "lucide-static/icons/user-minus.svg?raw";
import userPlus from "lucide-static/icons/user-plus.svg?raw";
import users from "lucide-static/icons/users.svg?raw";
import video from "lucide-static/icons/video.svg?raw";
import videoOff from "lucide-static/icons/video-off.svg?raw";
import volume from "lucide-static/icons/volume-2.svg?raw";
import wifiOff from "lucide-static/icons/wifi-off.svg?raw";
import close from "lucide-static/icons/x.svg?raw";
import zap from "lucide-static/icons/zap.svg?raw";

const ICONS = {
  alert,
  arrowLeft,
  ban,
  check,
  close,
  copy,
  message,
  mic,
  micOff,
  pencil,
  phone,
  phoneIncoming,
  phoneMissed,
  phoneOff,
  phoneOutgoing,
  send: sendIcon,
  server,
  switchCamera,
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
  devices,
  moon,
  pictureInPicture,
  settings,
  signalGood,
  signalFair,
  signalPoor,
  zap,
  chevronLeft,
  chevronRight,
  crown,
  door,
  grid,
  hand,
  link,
  lock,
  lockOpen,
  logIn,
  logOut,
  pause,
  pin,
  pinOff,
  plus,
  screenShare,
  screenShareOff,
  smile,
  speakerView,
  trash,
  userCheck,
  userMinus,
  userPlus,
  users,
  clock,
  download,
  file,
  paperclip,
};

export type IconName = keyof typeof ICONS;

/** Decoration only: the words are on the button around it. The SVG is ours, from the build. */
export function Icon({ name }: { name: IconName }) {
  return <span class="icon" aria-hidden="true" dangerouslySetInnerHTML={{ __html: ICONS[name] }} />;
}
