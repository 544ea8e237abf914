// Applies the theme that the reader chose, before the page is drawn. A page of lockd has this script in its head.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("lockd.theme");
  } catch { /* storage is blocked: the theme of the system applies */ }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
