// Buttons that copy a text of the page. They are hidden until this runs: without it the text can be selected.
import { toast } from "./toasts.js";

export function startCopy() {
  document.documentElement.dataset.scripted = "";
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      toast("Copied");
      button.closest("[popover]")?.hidePopover();
    } catch {
      if (source.hidden) {
        toast("This browser does not let pages copy: the texts are under Spec");
        return;
      }
      document.getSelection().selectAllChildren(source);
      toast("Selected: press Ctrl+C to copy");
    }
  });
}
