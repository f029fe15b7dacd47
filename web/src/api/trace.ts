/** W3C trace context (https://www.w3.org/TR/trace-context/): the gateway's spans continue what is sent from here. */
import { hex } from "./key";

/** The `traceparent` of something that somebody did on this page: a new trace, which asks to be recorded. */
export function traceparent(): string {
  const random = (bytes: number) => hex(crypto.getRandomValues(new Uint8Array(bytes)));
  return `00-${random(16)}-${random(8)}-01`;
}
