/** What the operations of the gateway's API take and answer, as its document says. */
import type { Operations } from "@/generated/api";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** The paths that a method is for. */
export type PathOf<M extends Method> = {
  [Name in keyof Operations]: Name extends `${M} ${infer Path}` ? Path : never;
}[keyof Operations];

type Operation<M extends Method, P extends PathOf<M>> = Operations[Extract<`${M} ${P}`, keyof Operations>];

/** What goes into the path and the query string. */
export type Parameters<M extends Method, P extends PathOf<M>> = Operation<M, P>["parameters"];
export type Body<M extends Method, P extends PathOf<M>> = Operation<M, P>["body"];
export type Answer<M extends Method, P extends PathOf<M>> = Operation<M, P>["answer"];

/** The parameters as an argument, which may be left out where none is required. */
export type Given<M extends Method, P extends PathOf<M>> =
  {} extends Parameters<M, P> ? [parameters?: Parameters<M, P>] : [parameters: Parameters<M, P>];

/** A path with its parameters filled in; what the path has no place for goes into the query string, unless it is absent or empty. */
export function address(path: string, parameters: object = {}): string {
  const query = new URLSearchParams();
  let filled = path;
  for (const [name, value] of Object.entries(parameters) as [string, unknown][]) {
    const place = `{${name}}`;
    if (filled.includes(place)) filled = filled.replace(place, encodeURIComponent(String(value)));
    else if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${filled}?${text}` : filled;
}
