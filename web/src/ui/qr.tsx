import { generate } from "lean-qr";
import { toSvgDataURL } from "lean-qr/extras/svg";
import { useMemo } from "preact/hooks";
import { text } from "../texts";

/** Always dark on white: many scanners do not read an inverted code. */
export function Qr({ value, alt = text("qr") }: { value: string; alt?: string }) {
  const source = useMemo(() => toSvgDataURL(generate(value), { on: "#111", off: "#fff", padX: 2, padY: 2 }), [value]);
  return <img class="qr" src={source} alt={alt} width={148} height={148} />;
}
