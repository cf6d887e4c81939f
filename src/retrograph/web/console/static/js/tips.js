// What `data-tip` says, at the pointer and at the keyboard's focus; Escape puts it away, and it stays while pointed at.
const WAIT = 350;
let tip = null;
let shown = null;
let timer = null;

function place(element) {
  const from = element.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = tip;
  const left = Math.min(Math.max(8, from.left + from.width / 2 - width / 2), innerWidth - width - 8);
  const below = from.bottom + 6;
  const top = below + height > innerHeight - 8 ? from.top - height - 6 : below;
  Object.assign(tip.style, { left: `${left}px`, top: `${top}px` });
}

function show(element) {
  hide();
  tip.textContent = element.dataset.tip;
  tip.showPopover();
  place(element);
  element.setAttribute("aria-describedby", tip.id);
  shown = element;
}

function hide() {
  clearTimeout(timer);
  if (!shown) return;
  shown.removeAttribute("aria-describedby");
  shown = null;
  if (tip.matches(":popover-open")) tip.hidePopover();
}

export function startTips() {
  tip = document.createElement("div");
  Object.assign(tip, { id: "tip", className: "tip", popover: "manual" });
  tip.setAttribute("role", "tooltip");
  document.body.append(tip);
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch" || tip.contains(event.target)) return;
    const element = event.target.closest("[data-tip]");
    if (element === shown) return clearTimeout(timer);
    clearTimeout(timer);
    timer = setTimeout(() => (element?.isConnected ? show(element) : hide()), element ? WAIT : 120);
  });
  document.addEventListener("focusin", (event) => {
    const element = event.target.closest("[data-tip]");
    if (element && event.target.matches(":focus-visible")) show(element);
    else hide();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.addEventListener("pointerdown", hide);
}
