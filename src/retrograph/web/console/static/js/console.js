// What every page runs. Each module looks for what it serves and leaves the rest alone.
import { startCopy } from "./copy.js";
import { startDialogs } from "./dialogs.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startMenus } from "./menus.js";
import { startSelection } from "./selection.js";
import { startAppearance } from "./appearance.js";
import { startSending } from "./sending.js";
import { startTimes, localise } from "./times.js";
import { startTips } from "./tips.js";

startTimes();
startAppearance();
startMenus();
startTips();
startDialogs();
startSending();
startSelection();
startKeys();
startCopy();
startLive();
document.addEventListener("htmx:load", (event) => localise(event.target));
