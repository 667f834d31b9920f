/* One theme for every chart: colours and type from tokens.css, axes, number formats, textures. */
/* global Chart */

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const palette = () => ({
  ink: css("--fw-ink"), ink2: css("--fw-ink-2"), ink3: css("--fw-ink-3"), line: css("--fw-line"), strong: css("--fw-line-strong"), grid: css("--fw-grid"),
  surface: css("--fw-surface"), raised: css("--fw-raised"), accent: css("--fw-c1"), c2: css("--fw-c2"), c3: css("--fw-c3"), c4: css("--fw-c4"), control: css("--fw-c5"),
  good: css("--fw-good-mark"), bad: css("--fw-bad-mark"), unclear: css("--fw-unclear-mark"), goodText: css("--fw-good"), badText: css("--fw-bad"), wait: css("--fw-wait-mark"),
});
export const alpha = (hex, a) => hex + Math.round(Math.min(1, a < 0.3 ? a * (parseFloat(css("--fw-band")) || 1) : a) * 255).toString(16).padStart(2, "0");
export const font = (size, weight) => `${weight || 400} ${size}px ${css("--bs-font-sans-serif")}`;
export const narrow = () => window.innerWidth < 768;
export const format = (v, unit) => {
  if (v === null || v === undefined) return "–";
  const sign = v < 0 ? "−" : "", a = Math.abs(v);
  if (unit === "$") return sign + "$" + Math.round(a).toLocaleString("en-US");
  if (unit === "$k") return sign + "$" + (a >= 1000 ? (a / 1000).toFixed(a % 1000 ? 1 : 0) + "k" : Math.round(a));
  return sign + (Number.isInteger(a) ? a : a.toFixed(a < 10 ? 1 : 0)) + (unit === "%" ? " %" : unit === "pts" ? " pts" : unit ? " " + unit : "");
};
export const cash = (v, symbol) => {
  const a = Math.abs(v), short = a >= 10000 ? (a / 1000).toFixed(a % 1000 && a < 100000 ? 1 : 0) + "k" : a >= 100 || Number.isInteger(a) ? Math.round(a).toLocaleString("en-US") : a.toFixed(2);
  return (v < 0 ? "−" : "") + symbol + short;
};
export const hatch = (color, ground) => {                      // unclear is a texture as well as a grey
  const c = document.createElement("canvas"); c.width = c.height = 6;
  const g = c.getContext("2d"); g.fillStyle = ground; g.fillRect(0, 0, 6, 6);
  g.strokeStyle = color; g.lineWidth = 1.6; g.beginPath();
  g.moveTo(-1, 7); g.lineTo(7, -1); g.moveTo(-1, 1); g.lineTo(1, -1); g.moveTo(5, 7); g.lineTo(7, 5); g.stroke();
  return g.createPattern(c, "repeat");
};

export const halo = (ctx, text, x, y, color, ground) => { ctx.save(); ctx.setLineDash([]); ctx.lineJoin = "round"; ctx.lineWidth = 4; ctx.strokeStyle = ground; ctx.strokeText(text, x, y); ctx.fillStyle = color; ctx.fillText(text, x, y); ctx.restore(); };

export function theme() {
  const p = palette(), d = Chart.defaults;
  d.animation = false; d.responsive = true; d.maintainAspectRatio = false; d.color = p.ink3; d.borderColor = p.grid;
  d.font.family = css("--bs-font-sans-serif"); d.font.size = 12; d.interaction = { mode: "index", intersect: false };
  d.plugins.legend.display = false;
  Object.assign(d.plugins.tooltip, { backgroundColor: p.raised, titleColor: p.ink, bodyColor: p.ink2, borderColor: p.strong, borderWidth: 1, padding: 10, cornerRadius: 8, displayColors: false, titleFont: { weight: 600, size: 12 }, bodyFont: { size: 12 }, caretSize: 0 });
  return p;
}
export const xAxis = (p, more) => ({ grid: { display: false }, border: { color: p.strong }, ticks: { maxRotation: 0, autoSkip: true, autoSkipPadding: 22, color: p.ink3, padding: 6 }, ...more });
export const yAxis = (p, unit, more, step) => ({ grid: { color: p.grid, drawTicks: false }, border: { display: false }, ticks: { maxTicksLimit: step ? undefined : 5, stepSize: step, color: p.ink3, padding: 8, callback: (v) => format(v, unit) }, ...more });
