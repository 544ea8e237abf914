// The theme of the pages: that of the system, or the one that the reader chose.
const themes = ["auto", "light", "dark"];

export const current = () => document.documentElement.dataset.theme ?? "auto";

export const after = (theme) => themes[(themes.indexOf(theme) + 1) % themes.length];

export function choose(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("lockd.theme", theme);
  } catch { /* storage is blocked: the theme lasts until the page is loaded again */ }
}

export const symbol = (theme) => ({ auto: "◐", light: "☀", dark: "☾" })[theme];

export const label = (theme) => `Theme: ${theme}. Change it to ${after(theme)}.`;
