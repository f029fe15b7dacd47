/** Calls of the gateway's API. */
import { say } from "@/i18n";
import { address, type Answer, type Body, type Given, type Method, type PathOf } from "./operations";
import { Problem } from "./problem";
import { accessToken, refresh } from "./session";
import { traceparent } from "./trace";

interface Options {
  method?: Method;
  body?: unknown;
  /** The same key makes a repeated request the same turn. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

export async function get<P extends PathOf<"GET">>(path: P, ...[parameters]: Given<"GET", P>): Promise<Answer<"GET", P>> {
  return fetchJson(address(path, parameters));
}

/** What a GET of an address answers that {@link address} made. */
export async function fetchJson<T>(address: string, signal?: AbortSignal): Promise<T> {
  return json<T>(await call(address, signal ? { signal } : {}));
}

export async function post<P extends PathOf<"POST">>(path: P, body: Body<"POST", P>, ...[parameters]: Given<"POST", P>): Promise<Answer<"POST", P>> {
  return json(await call(address(path, parameters), { method: "POST", body }));
}

export async function put<P extends PathOf<"PUT">>(path: P, body: Body<"PUT", P>, ...[parameters]: Given<"PUT", P>): Promise<Answer<"PUT", P>> {
  return json(await call(address(path, parameters), { method: "PUT", body }));
}

export async function remove<P extends PathOf<"DELETE">>(path: P, ...[parameters]: Given<"DELETE", P>): Promise<void> {
  await call(address(path, parameters), { method: "DELETE" });
}

/** Submits a message; with the same key it is the same turn, however often it is sent. */
export async function submitQuery(query: Body<"POST", "/api/triage/analyze">, idempotencyKey: string): Promise<Answer<"POST", "/api/triage/analyze">> {
  return json(await call("/api/triage/analyze", { method: "POST", body: query, idempotencyKey }));
}

/** Fetches a file and offers it for saving: a plain link could not carry the token. */
export async function download<P extends PathOf<"GET">>(path: P, name: string, ...[parameters]: Given<"GET", P>): Promise<void> {
  const blob = await (await call(address(path, parameters))).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** The response of a call that succeeded; throws a {@link Problem} otherwise. */
async function call(address: string, options: Options = {}): Promise<Response> {
  const trace = traceparent();
  let response = await send(address, options, trace);
  // The token may have been revoked, or this machine's clock is wrong: once more with a new one.
  if (response.status === 401 && (await refresh())) response = await send(address, options, trace);
  if (!response.ok) throw await Problem.of(response);
  return response;
}

async function json<T>(response: Response): Promise<T> {
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

async function send(address: string, options: Options, trace: string): Promise<Response> {
  const token = await accessToken();
  if (!token) throw new Problem(401, say("problem.login"));
  const headers: Record<string, string> = { authorization: `Bearer ${token}`, traceparent: trace };
  if (options.body !== undefined) headers["content-type"] = "application/json";
  if (options.idempotencyKey) headers["idempotency-key"] = options.idempotencyKey;
  try {
    return await fetch(address, {
      method: options.method ?? "GET",
      headers,
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw Problem.unreachable();
  }
}
