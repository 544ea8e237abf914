// The header of every page.
import { html, useEffect, useState } from "./preact.js";
import { shown } from "./format.js";
import { after, choose, current, label, symbol } from "./themes.js";

const pages = [["overview", "Overview"], ["leases", "Leases"], ["holders", "Holders"], ["cluster", "Cluster"], ["events", "Events"]];

function Theme() {
  const [theme, set] = useState(current());
  const change = () => {
    choose(after(theme));
    set(after(theme));
  };
  return html`<button type="button" class="quiet theme" onClick=${change} title=${label(theme)} aria-label=${label(theme)}><span aria-hidden="true">${symbol(theme)}</span></button>`;
}

export function Header({ page, me, onLeave }) {
  useEffect(() => { // on a small screen the pages do not fit
    document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [page]);
  return html`<header class="top"><a class="brand" href="#/"><img src="ui/icon.svg" alt="" width="24" height="24"/>lockd</a>
    <nav aria-label="Pages">${pages.map(([id, title]) => html`<a href=${id === "overview" ? "#/" : `#/${id}`}
      aria-current=${page === id ? "page" : undefined}>${title}</a>`)}
      <a class="apart" href="docs">API</a><a href="problems">Problems</a></nav>
    <div class="who">${me?.principal && html`<span class="principal" title=${me.text}>${shown(me.principal)}</span>`}
      ${me?.signedIn && html`<button type="button" class="quiet" onClick=${onLeave}>Sign out</button>`}<${Theme}/></div></header>`;
}
