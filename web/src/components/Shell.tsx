"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import { type ReactNode, useEffect, useState } from "react";
import { logOut, refresh, useSession } from "@/api/session";
import { hangUp, useConnection } from "@/api/socket";
import type { Account } from "@/generated/api";
import { LANGUAGES, type Language, setLanguage, startLanguage, useLanguage, useTranslate } from "@/i18n";
import { useAlerts, watchAlerts } from "@/teacher/alerts";
import { listen } from "@/workspace/live";
import { useOutbox } from "@/workspace/outbox";
import { Consent } from "./Consent";
import { Icon, type IconName } from "./icons";
import { News } from "./News";
import { setTheme, startTheme, useTheme } from "./theme";
import { Welcome } from "./Welcome";

/** What surrounds every page: the login, the navigation, and what has to be said wherever one is. */
export function Shell({ children }: { children: ReactNode }) {
  const { status, account } = useSession();
  const t = useTranslate();
  const [away, setAway] = useState(false);

  useEffect(() => {
    startLanguage();
    return startTheme();
  }, []);

  useEffect(() => {
    if (status !== "unknown") return;
    let stopped = false;
    const tryAgain = () => {
      refresh().then(
        () => setAway(false),
        () => {
          setAway(true);
          if (!stopped) setTimeout(tryAgain, 2_000);
        },
      );
    };
    tryAgain();
    return () => {
      stopped = true;
    };
  }, [status]);

  const userId = account?.user_id;
  useEffect(() => {
    if (status !== "in" || !account) return;
    return listen(account);
    // Again only for somebody else; the account's details may change.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [status, userId]);

  const teaches = status === "in" && account !== null && account.role !== "student";
  useEffect(() => (teaches ? watchAlerts() : undefined), [teaches, userId]);

  useEffect(() => {
    if (status === "out") hangUp();
  }, [status]);

  if (status === "unknown") {
    return (
      <div className="opening" role="status">
        <Logo />
        <p>{away ? t("shell.away") : t("shell.opening")}</p>
      </div>
    );
  }
  if (status === "out" || !account) return <Welcome />;
  return (
    <div className="shell">
      <a className="skip" href="#main">
        {t("shell.skip")}
      </a>
      <Header account={account} />
      <Offline />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <Consent account={account} />
      <News />
    </div>
  );
}

export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 28 28" aria-hidden="true" focusable="false">
      <rect width="28" height="28" rx="8" className="logo-ground" />
      <path d="M8 7.500v9.500c0 2.200 1.500 3.500 3.500 3.500H20M13 13.500c1.200-3.600 3.400-5.400 7-5.500-.2 3.800-2.200 6-5.600 6.300" className="logo-line" />
    </svg>
  );
}

/** How long a page has for itself before others are fetched ahead of a click. */
const FOR_ITSELF_MS = 3_000;

/** False while what is on the page itself is still loading. */
function useFetchAhead(): boolean {
  const [ready, setReady] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setReady(true), FOR_ITSELF_MS);
    return () => clearTimeout(timer);
  }, []);
  return ready;
}

function Header({ account }: { account: Account }) {
  const t = useTranslate();
  const path = usePathname().replace(/\/$/, "") || "/";
  const prefetch = useFetchAhead() ? null : false;
  const links: { href: string; icon: IconName; text: string }[] = [
    { href: "/", icon: "editor", text: t("nav.learn") },
    { href: "/progress", icon: "progress", text: t("nav.progress") },
    { href: "/history", icon: "history", text: t("nav.history") },
  ];
  if (account.role !== "student") links.push({ href: "/teacher", icon: "class", text: t("nav.teacher") });
  if (account.role === "admin") links.push({ href: "/operator", icon: "gear", text: t("nav.operator") });
  const active = (href: string) => (href === "/" ? path === "/" : path.startsWith(href));
  return (
    <header className="top">
      <Link className="brand" href="/" prefetch={prefetch} aria-label="LearnFlow">
        <Logo />
        <span>LearnFlow</span>
      </Link>
      <nav aria-label={t("nav.main")}>
        <ul>
          {links.map(({ href, icon, text }) => (
            <li key={href}>
              <Link href={href} prefetch={prefetch} aria-current={active(href) ? "page" : undefined}>
                <Icon name={icon} />
                <span>{text}</span>
              </Link>
              {href === "/teacher" && <AlertBadge />}
            </li>
          ))}
        </ul>
      </nav>
      <div className="top-end">
        <Appearance />
        <Menu account={account} prefetch={prefetch} />
      </div>
    </header>
  );
}

/** How many students are stuck, as it happens, wherever the teacher is. */
function AlertBadge() {
  const t = useTranslate();
  const open = useAlerts((state) => state.open) ?? 0;
  return (
    <>
      {open > 0 && <Link className="alert-badge" href="/teacher/alerts" data-testid="alert-badge" aria-label={t("alert.badge", { n: open })}>{open}</Link>}
      <span className="visually-hidden" role="status">{open > 0 && t("alert.badge", { n: open })}</span>
    </>
  );
}

/** Language and theme. */
export function Appearance() {
  const t = useTranslate();
  const language = useLanguage((state) => state.language);
  const dark = useTheme((state) => state.dark);
  return (
    <>
      <select
        className="quiet-select"
        aria-label={t("shell.language")}
        value={language}
        onChange={(event) => setLanguage(event.target.value as Language)}
      >
        {LANGUAGES.map(({ language, name }) => (
          <option key={language} value={language} lang={language}>
            {name}
          </option>
        ))}
      </select>
      <button
        type="button"
        className="icon-button"
        aria-label={dark ? t("shell.light") : t("shell.dark")}
        title={dark ? t("shell.light") : t("shell.dark")}
        onClick={() => setTheme(dark ? "light" : "dark")}
      >
        <Icon name={dark ? "sun" : "moon"} />
      </button>
    </>
  );
}

function Menu({ account, prefetch }: { account: Account; prefetch: false | null }) {
  const t = useTranslate();
  return (
    <details className="menu" onBlur={(event) => {
      if (!event.currentTarget.contains(event.relatedTarget)) event.currentTarget.open = false;
    }}>
      <summary aria-label={t("shell.account", { name: account.name })}>
        <span className="avatar" aria-hidden="true">
          {account.name.slice(0, 1).toUpperCase()}
        </span>
      </summary>
      <div className="menu-list">
        <p>
          <strong>{account.name}</strong>
          <br />
          <span className="muted">{account.email}</span>
        </p>
        <Link href="/account" prefetch={prefetch}>{t("nav.account")}</Link>
        <a href="/docs">{t("nav.api")}</a>
        <button type="button" onClick={() => void logOut()}>
          {t("auth.logout")}
        </button>
      </div>
    </details>
  );
}

/** Says that the connection is gone, and what that means. */
function Offline() {
  const t = useTranslate();
  const { connected, everConnected } = useConnection();
  const waiting = useOutbox(({ messages }) => messages.filter((message) => message.state === "waiting").length);
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (connected) {
      setLate(false);
      return;
    }
    // A blink of the network is not worth a notice.
    const timer = setTimeout(() => setLate(true), everConnected ? 1_200 : 5_000);
    return () => clearTimeout(timer);
  }, [connected, everConnected]);
  return (
    <div role="status" className="offline-place">
      {late && (
        <p className="offline" data-testid="offline">
          <Icon name="alert" /> {t("shell.offline")} {waiting > 0 && t("shell.queued", { n: waiting })}
        </p>
      )}
    </div>
  );
}
