import type { CallReport, Happening, ReportedParticipant } from "../../sdk/protocol";
import { text } from "../../texts";
import { formatDuration } from "../duration";
import { carriedBy } from "./facts";
import { marksOf, type Plot, place, plotsOf, type Scale, segmentsOf, ticksOf } from "./layout";
import { clock, pathName, percent } from "./words";

interface Props {
  report: CallReport;
  participant: ReportedParticipant;
  scale: Scale;
  label: string;
}

const BAR = { y: 16, height: 22 };
const MARKS_Y = 50;
const PLOT = { first: 66, height: 30, pitch: 50 };
const HEIGHT = PLOT.first + 3 * PLOT.pitch + 8;
/** Letters of about this width go into a bar. */
const LETTER = 7.5;

/** One participant: paths with what happened below them, and three small plots. The table beside it says the same. */
export function Picture({ report, participant, scale, label }: Props) {
  const { width } = scale;
  const plots = plotsOf(scale, participant, PLOT.height);
  const ticks = ticksOf(scale).map((ms) => ({ ms, x: place(scale, scale.zeroMs + ms) }));
  return (
    <svg
      class="report-picture"
      role="img"
      aria-label={label}
      width={width}
      height={HEIGHT}
      viewBox={`0 0 ${width} ${HEIGHT}`}
    >
      {ticks.map(({ ms, x }) => (
        <g key={ms}>
          <line class="report-tick" x1={x} y1={BAR.y} x2={x} y2={HEIGHT} />
          <text class="report-time" x={x} y={10} text-anchor={anchor(x, width)}>
            {formatDuration(ms)}
          </text>
        </g>
      ))}
      <rect
        class="report-there"
        x={place(scale, participant.came_ms)}
        y={BAR.y}
        height={BAR.height}
        width={stay(scale, participant)}
      />
      {segmentsOf(scale, participant).map((one) => {
        const name = text(one.path === "direct" ? "path_direct" : "report_short_forwarded");
        const words = one.relayed || one.protocol !== "udp" ? [name, ...carriedBy(one)].join(" ") : name;
        return (
          <g key={one.fromMs}>
            <title>
              {clock(report, one.fromMs)}–{clock(report, one.untilMs)}{" "}
              {text("path_because", { path: pathName(one.path, one), why: text(`reason_${one.reason}`) })}
            </title>
            <rect
              class={`report-path is-${one.path} over-${one.protocol ?? "udp"}`}
              x={one.x}
              y={BAR.y}
              width={one.width}
              height={BAR.height}
            />
            {one.width > words.length * LETTER + 10 && (
              <text class="report-path-name" x={one.x + 6} y={BAR.y + 15}>
                {words}
              </text>
            )}
          </g>
        );
      })}
      {marksOf(scale, participant).map((one) => (
        <g key={`${one.atMs} ${one.what}`}>
          <title>
            {clock(report, one.atMs)} {text(`happening_${one.what}`)}
          </title>
          <line class="report-mark-line" x1={one.x} y1={BAR.y} x2={one.x} y2={MARKS_Y - 5} />
          <path class={`report-mark is-${gravity(one.what)}`} d={shape(one.what, one.x, MARKS_Y)} />
        </g>
      ))}
      {plots.map((plot, n) => (
        <PlotView key={plot.key} plot={plot} y={PLOT.first + n * PLOT.pitch} width={width} />
      ))}
    </svg>
  );
}

function PlotView({ plot, y, width }: { plot: Plot; y: number; width: number }) {
  const { key, lines, top, worst } = plot;
  const value = key === "loss" ? `${percent(worst)} %` : `${worst} ms`;
  return (
    <g transform={`translate(0 ${y})`}>
      <text class="report-plot-name" x={0} y={10}>
        {text(`report_${key}`)}
      </text>
      <text class="report-plot-name" x={width} y={10} text-anchor="end">
        {lines.length === 0 ? "–" : text("report_worst", { value })}
      </text>
      <g transform="translate(0 14)">
        <rect class="report-plot" x={0} y={0} width={width} height={PLOT.height} data-top={top} />
        {lines.map(({ sent, points }) => (
          <polyline key={points} class={`report-line is-${key} ${sent ? "is-sent" : ""}`} points={points} />
        ))}
      </g>
    </g>
  );
}

function stay(scale: Scale, { came_ms, left_ms }: ReportedParticipant): number {
  return Math.max(1, place(scale, left_ms ?? scale.endMs) - place(scale, came_ms));
}

function anchor(x: number, width: number): "start" | "middle" | "end" {
  return x < 16 ? "start" : x > width - 16 ? "end" : "middle";
}

type Gravity = "bad" | "good" | "plain";

function gravity(what: Happening): Gravity {
  switch (what) {
    case "away":
    case "media_lost":
    case "microphone_lost":
    case "camera_lost":
    case "microphone_silenced":
    case "camera_silenced":
      return "bad";
    case "back":
    case "microphone_restored":
    case "camera_restored":
      return "good";
    default:
      return "plain";
  }
}

/** Told apart without their colour: down is bad, up is good, a diamond is neither. */
function shape(what: Happening, x: number, y: number): string {
  switch (gravity(what)) {
    case "bad":
      return `M${x - 5} ${y - 4}h10l-5 9z`;
    case "good":
      return `M${x - 5} ${y + 5}h10l-5 -9z`;
    case "plain":
      return `M${x} ${y - 5}l4 5l-4 5l-4 -5z`;
  }
}
