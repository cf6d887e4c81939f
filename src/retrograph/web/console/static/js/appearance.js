// The theme toggle, and panels that stay as they were left. Both are remembered by this browser alone.
const remember = (name, value) => {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Nothing is remembered then.
  }
};

const recall = (name) => {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
};

const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

export function startAppearance() {
  const toggle = document.getElementById("theme");
  if (toggle) {
    toggle.hidden = false;
    toggle.setAttribute("aria-pressed", String(isDark()));
    toggle.addEventListener("click", () => {
      const theme = isDark() ? "light" : "dark";
      document.documentElement.dataset.theme = theme;
      toggle.setAttribute("aria-pressed", String(theme === "dark"));
      remember("theme", theme);
    });
  }
  document.addEventListener("click", (event) => {
    const panel = document.getElementById(event.target.closest("[data-open]")?.dataset.open);
    if (panel) panel.open = true;
  });
  for (const panel of document.querySelectorAll("details[data-keep]")) {
    const name = `panel:${panel.dataset.keep}`;
    const kept = recall(name);
    if (kept !== null) panel.open = kept === "open";
    panel.addEventListener("toggle", () => remember(name, panel.open ? "open" : "closed"));
  }
}
