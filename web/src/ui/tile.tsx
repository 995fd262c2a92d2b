import type { Input } from "../sdk/core/state";
import type { RemoteTrack } from "../sdk/media/remote";
import { text } from "../texts";
import { Avatar } from "./avatar";
import { Bubbles } from "./bubbles";
import { Icon } from "./icon";
import type { LayoutKind, PlacedTile } from "./layout/arrange";
import type { Person } from "./people";
import { useStream } from "./streams";
import { TileActions } from "./tile-actions";
import { Video } from "./video";

interface Props {
  tile: PlacedTile;
  layout: LayoutKind;
  page: number;
  person: Person;
  /** The other's picture; of oneself, `selfStream` is shown. */
  picture: RemoteTrack | null;
  selfStream: MediaStream | null;
  iAmHost: boolean;
  send: (input: Input) => void;
}

/** One picture of one participant, and what is to be known of them. */
export function Tile({ tile, layout, page, person, picture, selfStream, iAmHost, send }: Props) {
  const isScreen = tile.source === "screen";
  const { x, y, width, height } = tile.box;
  const received = useStream(person.isMe ? null : picture?.track);
  const stream = person.isMe ? selfStream : received;
  const paused = picture?.paused ?? false;
  const isSent = isScreen || person.camera;
  const shows = stream !== null && isSent && !paused;
  const label = isScreen ? text("screen_of", { name: person.name }) : person.name;
  const speaking = person.speaking && person.microphone && !isScreen;
  const classes = [
    "tile",
    tile.large ? "large" : "",
    isScreen ? "screen" : "",
    speaking ? "speaking" : "",
    Math.min(width, height) < 150 ? "tiny" : "",
  ];
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields.
    <div
      class={classes.join(" ")}
      style={{ left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` }}
      data-testid="tile"
      data-participant={tile.participantId}
      data-source={tile.source}
      data-paused={paused}
      data-speaking={speaking}
      data-page={page}
      role="group"
      aria-label={label}
      // A tap gives it the focus, and that brings its buttons up.
      tabIndex={-1}
    >
      <Video
        stream={stream}
        testId={person.isMe ? "self-video" : isScreen ? "screen-video" : "remote-video"}
        class={person.isMe ? "mirror" : "remote"}
        label={label}
        muted
        hidden={!shows}
      />
      {!shows && (
        <div class="stage-avatar">
          <Avatar user={person.user} pulse={isSent && !paused} />
        </div>
      )}
      {layout !== "single" && <Foot person={person} label={label} isScreen={isScreen} />}
      {layout !== "single" && <Note person={person} paused={isSent && paused} isScreen={isScreen} />}
      {!isScreen && <Bubbles person={person} />}
      {layout !== "single" && <TileActions tile={tile} person={person} iAmHost={iAmHost} send={send} />}
    </div>
  );
}

/** Why the picture is not the present. */
function Note({ person, paused, isScreen }: { person: Person; paused: boolean; isScreen: boolean }) {
  const words = person.reconnecting && !isScreen ? text("reconnecting", { name: person.name }) : text("paused");
  if (!paused && (isScreen || !person.reconnecting)) return null;
  return (
    <p class="tile-note" title={words}>
      {!person.reconnecting && <Icon name="pause" />}
      <span class="tile-name-words">{words}</span>
    </p>
  );
}

function Foot({ person, label, isScreen }: { person: Person; label: string; isScreen: boolean }) {
  return (
    <div class="tile-foot">
      <span class="tile-name">
        {isScreen && <Icon name="screenShare" />}
        {!isScreen && !person.microphone && <Mark icon="micOff" words={text("muted")} />}
        <span class="tile-name-words">{label}</span>
        {!isScreen && person.host && <Mark icon="crown" words={text("host")} />}
      </span>
      {!isScreen && person.hand !== null && (
        <span class="tile-hand">
          <Mark icon="hand" words={text("hand_raised")} />
        </span>
      )}
    </div>
  );
}

function Mark({ icon, words }: { icon: "micOff" | "crown" | "hand"; words: string }) {
  return (
    <span class={`mark mark-${icon}`} title={words}>
      <Icon name={icon} />
      <span class="visually-hidden">{words}</span>
    </span>
  );
}
