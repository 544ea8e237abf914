// The sign-in, where the cluster requires credentials.
import { html, useState } from "./preact.js";
import { get, token } from "./api.js";

export function SignIn({ problem, onToken }) {
  const [value, set] = useState("");
  const [wrong, setWrong] = useState(token.get() ? problem.detail : "");
  const submit = async (e) => {
    e.preventDefault();
    token.set(value.trim());
    try {
      await get("v1/auth");
      onToken();
    } catch (err) {
      token.clear();
      setWrong(err.status === 401 ? "The cluster does not know this token, or it has expired or was revoked." : err.detail);
    }
  };
  return html`<section class="signin"><h1>Sign in</h1>
    <p>This cluster requires a token. An administrator creates one with <code>lockd token create NAME --allow read:'*'</code>.</p>
    <form onSubmit=${submit}><label for="token">Token</label>
      <input id="token" type="password" autocomplete="current-password" spellcheck=${false} required value=${value}
        aria-describedby="token-note ${wrong ? "token-wrong" : ""}" aria-invalid=${wrong ? "true" : undefined} onInput=${(e) => set(e.target.value)}/>
      ${wrong && html`<p id="token-wrong" class="wrong" role="alert">${wrong}</p>`}
      <button type="submit" class="primary">Sign in</button>
      <p id="token-note" class="muted">The token stays in this tab until you sign out or close it.</p></form></section>`;
}
