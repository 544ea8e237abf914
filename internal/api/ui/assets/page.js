// The pages of text: the button of the theme, and buttons that copy commands.
import { after, choose, current, label, symbol } from "./themes.js";

function button(text, about, act) {
  const b = document.createElement("button");
  b.type = "button";
  b.className = "quiet";
  b.textContent = text;
  b.setAttribute("aria-label", about);
  b.addEventListener("click", act);
  return b;
}

const theme = button(symbol(current()), label(current()), () => {
  const next = after(current());
  choose(next);
  theme.textContent = symbol(next);
  theme.setAttribute("aria-label", label(next));
});
theme.classList.add("theme");
document.getElementById("theme").append(theme);

for (const pre of document.querySelectorAll("pre.command")) {
  const copy = button("Copy", "Copy the command", async () => {
    try {
      await navigator.clipboard.writeText(pre.querySelector("code").textContent);
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    } catch { /* no permission, or no secure context: the text can be selected */ }
  });
  const box = document.createElement("div");
  box.className = "command-box";
  pre.replaceWith(box);
  box.append(pre, copy);
}

document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// On a small screen the list of routes is closed at first.
const routes = document.querySelector(".contents details");
if (routes && matchMedia("(max-width: 60rem)").matches) routes.open = false;
