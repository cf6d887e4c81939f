// Menus are popovers: the browser opens and closes them. This places them at their button and moves through them by keys.
const GAP = 4;

const buttonOf = (menu) => document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`);
const items = (menu) => [...menu.querySelectorAll("a, button")].filter((item) => item.offsetParent !== null);

function place(menu, button) {
  const from = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const left = Math.min(Math.max(8, from.right - width), innerWidth - width - 8);
  const below = from.bottom + GAP;
  const top = below + height > innerHeight - 8 ? Math.max(8, from.top - height - GAP) : below;
  Object.assign(menu.style, { position: "fixed", inset: "auto", left: `${left}px`, top: `${top}px` });
}

function move(menu, event) {
  const all = items(menu);
  const here = all.indexOf(document.activeElement);
  const step = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 }[event.key];
  if (step === undefined || !all.length) return;
  event.preventDefault();
  all[(step + all.length) % all.length].focus();
}

export function startMenus() {
  document.addEventListener(
    "toggle",
    (event) => {
      const menu = event.target;
      if (!(menu instanceof HTMLElement) || !menu.classList.contains("menu")) return;
      const button = buttonOf(menu);
      const open = event.newState === "open";
      button?.setAttribute("aria-expanded", String(open));
      if (!open || !button) return;
      place(menu, button);
      items(menu)[0]?.focus();
    },
    true,
  );
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.(".menu");
    if (menu) {
      if (event.key === "Tab") menu.hidePopover();
      else move(menu, event);
      return;
    }
    const button = event.target.closest?.("[aria-haspopup='menu']");
    if (button && event.key === "ArrowDown") {
      event.preventDefault();
      document.getElementById(button.getAttribute("popovertarget"))?.showPopover();
    }
  });
  const follow = () => {
    for (const menu of document.querySelectorAll(".menu:popover-open")) {
      const button = buttonOf(menu);
      if (button) place(menu, button);
    }
  };
  addEventListener("resize", follow);
  document.addEventListener("scroll", follow, { capture: true, passive: true });
}
