// Audit: who did what on this node, for administrators.
import { html, useEffect, useRef, useState } from "./preact.js";
import { get, query } from "./api.js";
import { shown } from "./format.js";
import { useNow } from "./live.js";
import { Ago, Empty, LeaseName, Loading, Problem, setFilter } from "./parts.js";
import { Field, Select } from "./leases.js";

const decisions = [["", "any"], ["allow", "allowed"], ["deny", "refused"]];

// Tabs are the two lists of the page Events. Only an administrator sees them.
export function Tabs({ me, at }) {
  if (!me.audits) return null;
  return html`<nav class="tabs" aria-label="Lists">${[["", "Leases"], ["audit", "Audit"]].map(([id, title]) => html`<a
    href=${id ? `#/events/${id}` : "#/events"} aria-current=${at === id ? "page" : undefined}>${title}</a>`)}</nav>`;
}

export function Audit({ params, me }) {
  const filters = { name: params.get("name") ?? "", actor: params.get("actor") ?? "", action: params.get("action") ?? "", decision: params.get("decision") ?? "" };
  const set = (name, value) => setFilter("#/events/audit", name, value);
  const now = useNow(1000);
  const [page, put] = useState({ records: [], loading: true });
  const latest = useRef(0);
  const load = async (before) => {
    const mine = ++latest.current; // an answer to earlier filters is not shown
    try {
      const answer = await get(query("v1/audit", { ...filters, limit: 100, before }));
      if (mine !== latest.current) return;
      put((p) => ({ node: answer.node, records: before ? [...p.records, ...answer.records] : answer.records, next: answer.next }));
    } catch (problem) {
      if (mine === latest.current) put((p) => ({ ...p, loading: false, problem }));
    }
  };
  const key = JSON.stringify(filters);
  useEffect(() => {
    put({ records: [], loading: true });
    load();
  }, [key]);
  return html`<div class="title"><h1>Audit</h1><button type="button" onClick=${() => load()}>Refresh</button></div>
    <${Tabs} me=${me} at="audit"/>
    <form class="filters" onSubmit=${(e) => e.preventDefault()}>
      <${Field} id="name" label="Lease" value=${filters.name} onValue=${(v) => set("name", v)}/>
      <${Field} id="actor" label="Principal, token or address" value=${filters.actor} onValue=${(v) => set("actor", v)}/>
      <${Field} id="action" label="Action begins with" value=${filters.action} onValue=${(v) => set("action", v)}/>
      <${Select} id="decision" label="Decision" value=${filters.decision} options=${decisions} onValue=${(v) => set("decision", v)}/></form>
    ${page.problem && html`<${Problem} problem=${page.problem} what="the audit log"/>`}
    ${page.loading ? html`<${Loading}/>` : page.records.length === 0 ? !page.problem && html`<${Empty}>No record matches.<//>`
      : html`<${Records} records=${page.records} now=${now}/>`}
    ${page.next && html`<p><button type="button" onClick=${() => load(page.next)}>Older records</button></p>`}
    ${page.node !== undefined && html`<p class="muted">These are the records of node <b>${shown(page.node)}</b> since its start. Each node has its own, of the
      requests that it received. Renewals are not among them.</p>`}`;
}

function Records({ records, now }) {
  return html`<div class="table-box" tabindex="0" role="region" aria-label="Table of records"><table class="records"><thead><tr><th scope="col">When</th>
    <th scope="col">Who</th><th scope="col">Action</th><th scope="col">On</th><th scope="col">Outcome</th></tr></thead>
    <tbody>${records.map((r) => html`<tr key=${r.seq}><td><${Ago} at=${r.time} now=${now}/></td>
      <td>${r.principal ? html`<b>${shown(r.principal)}</b> ` : ""}<span class="muted">${r.token_id && `token ${r.token_id} `}${r.auth === "socket" ? "admin socket" : shown(r.remote)}</span></td>
      <td><code>${r.action}</code></td>
      <td>${(r.names ?? []).map((name) => html`<${LeaseName} name=${name}/> `)}${shown(r.target)}</td>
      <td><${Outcome} record=${r}/></td></tr>`)}</tbody></table></div>`;
}

function Outcome({ record: r }) {
  if (r.decision === "deny") return html`<span class="state breaking">refused</span> ${r.status} <span class="muted">${shown(r.reason)}</span>`;
  if (!r.status) return html`<span class="muted">begins</span>`;
  return html`<span class="state">allowed</span> ${r.status}`;
}
