// The header of every page.
import { html, useState } from "./preact.js";
import { shown } from "./format.js";

const pages = [["overview", "Overview"], ["leases", "Leases"], ["holders", "Holders"], ["cluster", "Cluster"], ["events", "Events"]];
const themes = ["auto", "light", "dark"];

function Theme() {
  const [theme, set] = useState(document.documentElement.dataset.theme ?? "auto");
  const next = themes[(themes.indexOf(theme) + 1) % themes.length];
  const change = () => {
    set(next);
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("lockd.theme", next);
    } catch { /* storage is blocked: the theme lasts until the page is loaded again */ }
  };
  return html`<button type="button" class="quiet theme" onClick=${change} title=${`Theme: ${theme}. Change it to ${next}.`}
    aria-label=${`Theme: ${theme}. Change it to ${next}.`}><span aria-hidden="true">${{ auto: "◐", light: "☀", dark: "☾" }[theme]}</span></button>`;
}

export function Header({ page, me, onLeave }) {
  return html`<header class="top"><a class="brand" href="#/"><img src="ui/icon.svg" alt="" width="24" height="24"/>lockd</a>
    <nav aria-label="Pages">${pages.map(([id, title]) => html`<a href=${id === "overview" ? "#/" : `#/${id}`}
      aria-current=${page === id ? "page" : undefined}>${title}</a>`)}
      <a class="apart" href="docs">API</a><a href="problems">Problems</a></nav>
    <div class="who">${me?.principal && html`<span class="principal" title=${me.text}>${shown(me.principal)}</span>`}
      ${me?.signedIn && html`<button type="button" class="quiet" onClick=${onLeave}>Sign out</button>`}<${Theme}/></div></header>`;
}
