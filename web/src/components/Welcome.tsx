"use client";

import { type FormEvent, useEffect, useState } from "react";
import { logIn, register } from "@/api/session";
import { sentenceOf } from "@/api/problem";
import type { Providers } from "@/generated/api";
import { useTranslate } from "@/i18n";
import { Icon } from "./icons";
import { Appearance, Logo } from "./Shell";

/** What somebody sees who is not logged in. */
export function Welcome() {
  const t = useTranslate();
  const [mode, setMode] = useState<"login" | "register">("register");
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [providers, setProviders] = useState<Providers | null>(null);

  useEffect(() => {
    const failed = new URLSearchParams(location.search).get("login_error");
    if (failed) setProblem(failed);
    // Without an answer there is the password, as always.
    fetch("/api/auth/providers")
      .then(async (response) => {
        const said = (await response.json()) as Providers;
        return response.ok ? said : null;
      })
      .then(setProviders, () => undefined);
  }, []);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const field = (name: string) => String(form.get(name) ?? "");
    setBusy(true);
    setProblem(null);
    try {
      if (mode === "register") await register(field("name"), field("email"), field("password"));
      else await logIn(field("email"), field("password"));
    } catch (error) {
      setProblem(sentenceOf(error));
      setBusy(false);
    }
  };

  return (
    <div className="welcome">
      <div className="welcome-bar">
        <Appearance />
      </div>
      <main id="main" className="welcome-main">
        <section className="welcome-pitch" aria-labelledby="welcome-title">
          <p className="brand">
            <Logo />
            <span>LearnFlow</span>
          </p>
          <h1 id="welcome-title">{t("welcome.title")}</h1>
          <p className="lead">{t("welcome.lead")}</p>
          <ul className="welcome-points">
            {(["welcome.run", "welcome.see", "welcome.hint", "welcome.own"] as const).map((key) => (
              <li key={key}>
                <Icon name="check" />
                {t(key)}
              </li>
            ))}
          </ul>
        </section>
        <section className="card welcome-form" aria-labelledby="form-title">
          <h2 id="form-title">{mode === "register" ? t("auth.register") : t("auth.login")}</h2>
          <form onSubmit={(event) => void submit(event)}>
            {mode === "register" && (
              <label>
                {t("auth.name")}
                <input name="name" autoComplete="name" required maxLength={80} />
              </label>
            )}
            <label>
              {t("auth.email")}
              <input name="email" type="email" autoComplete="email" required maxLength={254} />
            </label>
            <label>
              {t("auth.password")}
              <input
                name="password"
                type="password"
                required
                minLength={mode === "register" ? 10 : 1}
                maxLength={200}
                autoComplete={mode === "register" ? "new-password" : "current-password"}
                aria-describedby={mode === "register" ? "password-help" : undefined}
              />
            </label>
            {mode === "register" && (
              <p id="password-help" className="muted small">
                {t("auth.password.help")}
              </p>
            )}
            {problem && (
              <p className="problem" role="alert">
                {problem}
              </p>
            )}
            <button className="primary wide" type="submit" disabled={busy}>
              {mode === "register" ? t("auth.register") : t("auth.login")}
            </button>
          </form>
          {providers?.oidc && (
            <a className="button wide" href={`${providers.oidc.login}?return_to=/`}>
              {providers.oidc.name}
            </a>
          )}
          <p className="switch">
            {mode === "register" ? t("auth.have") : t("auth.none")}{" "}
            <button
              type="button"
              className="link"
              onClick={() => {
                setProblem(null);
                setMode(mode === "register" ? "login" : "register");
              }}
            >
              {mode === "register" ? t("auth.login") : t("auth.register")}
            </button>
          </p>
        </section>
      </main>
    </div>
  );
}
