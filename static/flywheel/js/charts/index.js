/* Draws every <canvas data-fw-chart=KIND data-fw-source=ID> from the JSON in <script type="application/json" id=ID>.
   A change of theme redraws; so does an htmx swap. Nothing here sets inline markup: a strict CSP is enough. */
/* global Chart */
import { kinds } from "./kinds.js";
import { plugins } from "./plugins.js";
import { theme } from "./theme.js";

const drawn = new Map();

export function draw(canvas) {
  const source = document.getElementById(canvas.dataset.fwSource);
  const kind = kinds[canvas.dataset.fwChart];
  if (!source || !kind) return;
  const palette = theme();
  const config = kind(JSON.parse(source.textContent), palette);
  config.plugins = plugins;
  drawn.get(canvas)?.destroy();
  drawn.set(canvas, new Chart(canvas, config));
}

function drawAll(root) {
  for (const [canvas, chart] of drawn) if (!canvas.isConnected) { chart.destroy(); drawn.delete(canvas); }
  (root || document).querySelectorAll("canvas[data-fw-chart]").forEach(draw);
}

document.fonts.ready.then(() => drawAll());
document.addEventListener("fw:theme", () => drawAll());
document.addEventListener("htmx:afterSettle", (event) => drawAll(event.target));
// What is printed is laid out after this event: the width of an A4 sheet within its margins and a panel's, as print.css has it.
const SHEET = { width: 640, height: 230 };
window.addEventListener("beforeprint", () => drawn.forEach((chart) => chart.resize(SHEET.width, Math.min(SHEET.height, chart.height))));
window.addEventListener("afterprint", () => drawn.forEach((chart) => chart.resize()));
