/**
 * Who is logged in. The access token lives in memory only; the refresh token is a cookie that scripts cannot read.
 */
import { create } from "zustand";
import type { Account, Session } from "@/generated/api";
import type { Body, PathOf } from "./operations";
import { Problem } from "./problem";
import { traceparent } from "./trace";

interface SessionState {
  /** `unknown` until the refresh cookie was tried. */
  status: "unknown" | "out" | "in";
  account: Account | null;
}

export const useSession = create<SessionState>(() => ({ status: "unknown", account: null }));

let token: { value: string; expiresAtMs: number } | null = null;
let refreshing: Promise<boolean> | null = null;
const listeners = new Set<(token: string) => void>();

/** Calls back with every new access token: the socket has to hear of it. */
export function onToken(listener: (token: string) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The access token, renewed when it is about to expire; `null` when nobody is logged in. */
export async function accessToken(): Promise<string | null> {
  if (token && token.expiresAtMs - Date.now() > 20_000) return token.value;
  return (await refresh()) ? (token?.value ?? null) : null;
}

/** Exchanges the cookie for a token; one exchange at a time. False when the login is over. */
export function refresh(): Promise<boolean> {
  refreshing ??= exchange().finally(() => {
    refreshing = null;
  });
  return refreshing;
}

async function exchange(): Promise<boolean> {
  const response = await post("/api/auth/refresh");
  if (response.ok) {
    begin((await response.json()) as Session);
    return true;
  }
  if (response.status === 401) {
    // A body that nobody reads would hold the connection.
    await response.body?.cancel();
    token = null;
    useSession.setState({ status: "out", account: null });
    return false;
  }
  throw await Problem.of(response);
}

export async function logIn(email: string, password: string): Promise<void> {
  await enter("/api/auth/login", { email, password });
}

export async function register(name: string, email: string, password: string): Promise<void> {
  await enter("/api/auth/register", { name, email, password });
}

export async function logOut(): Promise<void> {
  await post("/api/auth/logout");
  forget();
}

/** Ends the session on this page, for instance when the account was deleted. */
export function forget(): void {
  token = null;
  useSession.setState({ status: "out", account: null });
}

/** Takes over what the account page changed. */
export function setAccount(change: Partial<Account>): void {
  const { account } = useSession.getState();
  if (account) useSession.setState({ account: { ...account, ...change } });
}

async function enter<P extends "/api/auth/login" | "/api/auth/register">(path: P, body: Body<"POST", P>): Promise<void> {
  const response = await post(path, body);
  if (!response.ok) throw await Problem.of(response);
  begin((await response.json()) as Session);
}

function begin(session: Session): void {
  token = { value: session.access_token, expiresAtMs: Date.now() + session.expires_in_s * 1000 };
  useSession.setState({ status: "in", account: session.user });
  for (const listener of listeners) listener(session.access_token);
}

async function post(path: PathOf<"POST">, body?: unknown): Promise<Response> {
  try {
    return await fetch(path, {
      method: "POST",
      headers: { traceparent: traceparent(), ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw Problem.unreachable();
  }
}
