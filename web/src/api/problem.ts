import { say } from "@/i18n";

/** A refusal of the gateway: an RFC 9457 problem document, whose `detail` is a sentence for people. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    /** Seconds after which it is worth trying again, where the gateway says so. */
    readonly retryAfterS: number | null = null,
    /** The whole document: some refusals say more (`verification`). */
    readonly document: Record<string, unknown> = {},
  ) {
    super(detail);
    this.name = "Problem";
  }

  /** Whether the same request may succeed later: no connection, a service that is away, or too many requests. */
  get isTemporary(): boolean {
    return [0, 429, 502, 503, 504].includes(this.status);
  }

  /** No answer at all: offline, or the gateway is restarting. */
  static unreachable(): Problem {
    return new Problem(0, say("problem.unreachable"));
  }

  static async of(response: Response): Promise<Problem> {
    const retryAfter = Number(response.headers.get("retry-after"));
    const document = (await response.json().catch(() => ({}))) as Record<string, unknown>;
    const detail = typeof document.detail === "string" ? document.detail : `${response.status} ${response.statusText}`;
    return new Problem(response.status, detail, Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : null, document);
  }
}

/** What to show for anything that was thrown. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
