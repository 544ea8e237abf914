// The console of lockd: the frame of the page, its routes and the sign-in.
import { html, render, useEffect, useState } from "./preact.js";
import { get, onUnauthenticated, token } from "./api.js";
import { Rights } from "./rights.js";
import { Overview } from "./overview.js";
import { Leases } from "./leases.js";
import { Lease } from "./lease.js";
import { Holder, Holders } from "./holders.js";
import { Cluster } from "./cluster.js";
import { Audit } from "./audit.js";
import { Events } from "./events.js";
import { SignIn } from "./signin.js";
import { Loading, Problem } from "./parts.js";
import { Header } from "./header.js";
import { consoles } from "./nodes.js";
import { useLoad } from "./live.js";
import { shown } from "./format.js";

// The address after # selects the page: #/leases/NAME, or #/leases?prefix=a.
function route() {
  const [path, search] = location.hash.replace(/^#\/?/, "").split("?");
  const [page, ...rest] = path.split("/");
  let name = "";
  try {
    name = decodeURIComponent(rest.join("/"));
  } catch { /* not an encoded name: the page without one is shown */ }
  return { page: page || "overview", name, params: new URLSearchParams(search ?? "") };
}

function useRoute() {
  const [at, set] = useState(route());
  useEffect(() => {
    const change = () => set(route());
    addEventListener("hashchange", change);
    return () => removeEventListener("hashchange", change);
  }, []);
  return at;
}

const titles = { overview: "Overview", leases: "Leases", holders: "Holders", cluster: "Cluster", events: "Events" };

function Page({ at, me }) {
  if (!me.reads && at.page !== "cluster") {
    return html`<h1>Not allowed</h1><p>Your principal has no right to see leases. Ask an administrator for a rule with the right read. <a href="#/cluster">The cluster</a></p>`;
  }
  switch (at.page) {
    case "overview":
      return html`<${Overview} me=${me}/>`;
    case "leases":
      return at.name ? html`<${Lease} key=${at.name} name=${at.name} me=${me}/>` : html`<${Leases} params=${at.params} me=${me}/>`;
    case "holders":
      return at.name ? html`<${Holder} key=${at.name} name=${at.name} me=${me}/>` : html`<${Holders} params=${at.params} me=${me}/>`;
    case "cluster":
      return html`<${Cluster} me=${me}/>`;
    case "events":
      return at.name === "audit" && me.audits ? html`<${Audit} params=${at.params} me=${me}/>` : html`<${Events} params=${at.params} me=${me}/>`;
  }
  return html`<h1>Page not found</h1><p>The console has no page <code>${at.page}</code>. <a href="#/">Overview</a></p>`;
}

// useIdentity returns who the caller is. again asks once more, after a token was set or removed.
function useIdentity() {
  const [state, set] = useState({});
  const again = async () => {
    try {
      const auth = await get("v1/auth");
      set({ me: new Rights(auth) });
    } catch (problem) {
      set((before) => (problem.status === 0 && before.me ? before : { problem }));
    }
  };
  useEffect(() => { again(); }, []);
  useEffect(() => onUnauthenticated(() => set((before) => (before.me ? {
    problem: { status: 401, detail: "The cluster does not accept your token any more: it has expired or was revoked." },
  } : before))), []);
  useEffect(() => { // a node that did not answer is asked again
    if (!state.problem || state.problem.status === 401) return undefined;
    const timer = setTimeout(again, 2000);
    return () => clearTimeout(timer);
  }, [state.problem]);
  return { ...state, again };
}

// Lost says that the node does not answer, and where else the console is.
function Lost() {
  const cluster = useLoad("v1/cluster", 2000);
  if (cluster.problem?.status !== 0) return null;
  const others = cluster.data ? consoles(cluster.data) : [];
  return html`<div class="lost-node" role="alert"><b>This node does not answer.</b> What you see may be old. The page reconnects by itself.
    ${others.length > 0 && html` Console of another node: ${others.map((n) => html`<a href=${n.href + location.hash}>${shown(n.name)}</a>`)}`}</div>`;
}

function App() {
  const at = useRoute();
  const { me, problem, again } = useIdentity();
  useEffect(() => {
    document.title = `${at.name || (Object.hasOwn(titles, at.page) ? titles[at.page] : "Not found")} – lockd`;
    if (document.activeElement !== document.body) return;
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [at.page, at.name]);
  const leave = () => {
    token.clear();
    again();
  };
  let body = html`<${Loading}/>`;
  if (me) body = html`<${Page} at=${at} me=${me}/>`;
  else if (problem?.status === 401) body = html`<${SignIn} problem=${problem} onToken=${again}/>`;
  else if (problem) body = html`<${Problem} problem=${problem} what="this cluster"/>`;
  return html`<a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main").focus(); }}>Skip to the content</a>
    <${Header} page=${at.page} me=${me} onLeave=${leave}/>
    ${me && html`<${Lost}/>`}
    <main id="main" tabindex="-1">${body}</main>`;
}

render(html`<${App}/>`, document.getElementById("app"));
