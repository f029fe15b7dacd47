import { useCallback, useEffect, useState } from "react";
import { fetchJson } from "./client";
import { address, type Answer, type Given, type PathOf } from "./operations";
import { sentenceOf } from "./problem";

export interface Resource<T> {
  data: T | null;
  /** What went wrong with the latest load; older data stays. */
  error: string | null;
  loading: boolean;
  reload: () => void;
  /** Replaces the data here, after a change that the server has confirmed. */
  set: (data: T) => void;
}

/** What a GET of `path` answers; `null` as path loads nothing. */
export function useResource<P extends PathOf<"GET">>(path: P | null, ...[parameters]: Given<"GET", P>): Resource<Answer<"GET", P>> {
  return useAddress(path && address(path, parameters));
}

function useAddress<T>(path: string | null): Resource<T> {
  const [state, setState] = useState<{ path: string | null; data: T | null; error: string | null }>({
    path: null,
    data: null,
    error: null,
  });
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (!path) return;
    const abort = new AbortController();
    fetchJson<T>(path, abort.signal).then(
      (data) => setState({ path, data, error: null }),
      (error: unknown) => {
        if (!abort.signal.aborted) {
          setState((before) => ({
            path,
            data: before.path === path ? before.data : null,
            error: sentenceOf(error),
          }));
        }
      },
    );
    return () => abort.abort();
  }, [path, round]);
  const current = state.path === path;
  return {
    data: current ? state.data : null,
    error: current ? state.error : null,
    loading: path !== null && !current,
    reload: useCallback(() => setRound((round) => round + 1), []),
    set: useCallback((data: T) => setState({ path, data, error: null }), [path]),
  };
}
