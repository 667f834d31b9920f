/* What every chart may carry: deploy marks, named levels, labels at line ends, values beside bars, forest rows. */
import { alpha, font, halo, narrow, palette } from "./theme.js";

const marks = {                                          // deploys, decisions, now: a hairline each; words that would collide become a count
  id: "fwMarks",
  beforeDatasetsDraw(chart, _a, opt) {
    if (!opt.items) return; const { ctx, chartArea: a, scales: { x } } = chart, p = palette();
    const small = narrow() || chart.width < 480, told = opt.items.some((m) => m.kind === "now"), rows = small && !told ? 1 : 3, near = told ? 0 : small ? 40 : 16; // a forecast's few words are all needed
    const groups = opt.items.map((m) => ({ ...m, n: 1, px: Math.min(a.right, Math.max(a.left, x.getPixelForValue(m.at))) })).sort((m, n) => m.px - n.px);
    ctx.save(); ctx.font = font(11, 500); ctx.lineWidth = 1;
    groups.forEach((m) => {
      ctx.strokeStyle = m.kind === "bad" ? p.bad : m.kind === "now" ? p.accent : p.ink3; ctx.setLineDash(m.kind === "now" ? [] : [2, 3]);
      ctx.beginPath(); ctx.moveTo(m.px, a.top - 14); ctx.lineTo(m.px, a.bottom); ctx.stroke();
    });
    const clash = () => {                                // places the words; the first that has no room, -1 where all have
      const ends = [];
      return groups.findIndex((g, i) => {
        const last = groups[i - 1], joins = last && g.kind !== "now" && last.kind !== "now";
        g.text = g.n > 1 ? `${g.n} changes` : g.label; const w = ctx.measureText(g.text).width; g.left = g.px + w + 8 > chart.width ? g.px - w - 5 : g.px + 5;
        g.row = 0; while (g.row < rows && ends[g.row] !== undefined && g.left < ends[g.row] + 8) g.row += 1;
        if (joins && (g.row === rows || g.px - last.px < near)) return true;
        g.row = Math.min(g.row, rows - 1); ends[g.row] = Math.max(ends[g.row] || 0, g.left + w); return false;
      });
    };
    for (let i = clash(); i > 0; i = clash()) { const [g] = groups.splice(i, 1), last = groups[i - 1]; last.n += g.n; if (g.kind === "bad") last.kind = "bad"; }
    ctx.textAlign = "left"; ctx.textBaseline = "alphabetic";
    groups.forEach((g) => halo(ctx, g.text, g.left, a.top - 6 + g.row * 14, g.kind === "bad" ? p.badText : g.kind === "now" ? p.accent : p.ink2, p.surface));
    ctx.restore();
  },
};
const levels = {                                         // zero, target, margin: named horizontals
  id: "fwLevels",
  beforeDatasetsDraw(chart, _a, opt) {
    if (!opt.items) return; const { ctx, chartArea: a, scales } = chart, p = palette(); ctx.save(); ctx.font = font(11, 400);
    opt.items.forEach((l) => {
      if (opt.axis === "x") { const px = scales.x.getPixelForValue(l.value); ctx.strokeStyle = l.solid ? p.ink3 : p.bad; ctx.setLineDash(l.solid ? [] : [3, 3]); ctx.beginPath(); ctx.moveTo(px, a.top); ctx.lineTo(px, a.bottom); ctx.stroke(); return; }
      const py = scales.y.getPixelForValue(l.value); ctx.strokeStyle = l.solid ? p.ink3 : l.kind === "bad" ? p.bad : p.ink3; ctx.setLineDash(l.solid ? [] : [3, 3]); ctx.lineWidth = 1;
      ctx.beginPath(); ctx.moveTo(a.left, py); ctx.lineTo(a.right, py); ctx.stroke();
      const words = narrow() && l.short !== undefined ? l.short : l.label; if (words) { ctx.textAlign = l.side === "right" ? "right" : "left"; halo(ctx, words, l.side === "right" ? a.right - 4 : a.left + 4, py + (l.below ? 13 : -5), p.ink2, p.surface); }
    });
    ctx.restore();
  },
};
const ends = {                                           // the series' name and last value at its end
  id: "fwEnds",
  afterDatasetsDraw(chart, _a, opt) {
    if (!opt.items) return; const { ctx, chartArea: a, scales: { y } } = chart; ctx.save(); ctx.font = font(12, 600); ctx.textAlign = "left"; ctx.textBaseline = "middle";
    const placed = opt.items.map((e) => ({ ...e, py: y.getPixelForValue(e.value) })).sort((m, n) => m.py - n.py);
    for (let i = 1; i < placed.length; i++) if (placed[i].py - placed[i - 1].py < 15) placed[i].py = placed[i - 1].py + 15;
    placed.forEach((e) => { ctx.fillStyle = e.color; ctx.font = font(12, e.weight || 600); ctx.fillText(e.text, a.right + 8, e.py); }); ctx.restore();
  },
};
const inBars = {                                         // printed values beside bars
  id: "fwValues",
  afterDatasetsDraw(chart, _a, opt) {
    if (!opt.items) return; const { ctx, chartArea: a } = chart, p = palette(); ctx.save();
    const meta = chart.getDatasetMeta(opt.dataset || 0).data;
    opt.items.forEach((t, i) => {
      const bar = meta[i]; if (!t || !bar) return; ctx.font = font(12, 500); ctx.fillStyle = p.ink;
      if (opt.axis === "y") { ctx.textAlign = "left"; ctx.textBaseline = "middle"; ctx.fillText(t[0], Math.max(bar.x, bar.base) + 8, bar.y); const w = ctx.measureText(t[0]).width; ctx.fillStyle = p.ink3; ctx.font = font(12, 400); if (t[1]) ctx.fillText(t[1], Math.max(bar.x, bar.base) + 14 + w, bar.y); }
      else { ctx.textAlign = "center"; ctx.textBaseline = "alphabetic"; ctx.fillText(t[0], bar.x, Math.min(bar.y, bar.base) - 7); if (t[1]) { ctx.fillStyle = p.ink3; ctx.font = font(11, 400); ctx.fillText(t[1], bar.x, a.bottom + 30); } }
    }); ctx.restore();
  },
};
const rows = {                                           // forest rows: interval, point, optional diamonds
  id: "fwForest",
  afterDatasetsDraw(chart, _a, opt) {
    if (!opt.items) return; const { ctx, scales: { x, y } } = chart, p = palette(); ctx.save();
    opt.items.forEach((r, i) => {
      const py = y.getPixelForValue(i), c = r.tone === "good" ? p.good : r.tone === "bad" ? p.bad : r.tone === "accent" ? p.accent : p.unclear;
      ctx.strokeStyle = alpha(c, 0.55); ctx.lineWidth = 3; ctx.lineCap = "round"; ctx.beginPath(); ctx.moveTo(x.getPixelForValue(r.lo), py); ctx.lineTo(x.getPixelForValue(r.hi), py); ctx.stroke();
      ctx.beginPath(); ctx.arc(x.getPixelForValue(r.value), py, 4.5, 0, 7); ctx.fillStyle = r.thin ? p.surface : c; ctx.fill(); ctx.strokeStyle = c; ctx.lineWidth = 2; ctx.stroke();
    }); ctx.restore();
  },
};

export const plugins = [marks, levels, ends, inBars, rows];
