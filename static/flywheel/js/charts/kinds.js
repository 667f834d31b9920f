/* The kinds of chart. Each takes the data its comment names, in display units (percent as 57.1), and the palette.
   Rules: one axis, labels at the line's end instead of legends, bands for intervals, deploy marks as hairlines,
   control is grey, projections are dashed, what is under n = 30 is hollow. */
import { alpha, format, hatch, narrow, xAxis, yAxis } from "./theme.js";

// On phones Chart.js would give words half of what the figures leave, and cut them.
const words = (axis) => { if (narrow()) axis.width = 146; };

export const kinds = {
  line(d, p) {                                           // {labels, unit, min, max, series:[{name, values, lo, hi, tone, end}], marks, levels}
    const tone = (s) => ({ accent: p.accent, good: p.good, bad: p.bad, control: p.control, c3: p.c3 }[s.tone || "accent"]); const sets = [];
    d.series.forEach((s) => {
      const c = tone(s);
      if (s.lo) { sets.push({ data: s.hi, borderWidth: 0, pointRadius: 0, fill: "+1", backgroundColor: alpha(c, 0.15), band: true }, { data: s.lo, borderWidth: 0, pointRadius: 0, band: true }); }
      sets.push({ label: s.name, clip: 8, data: s.values, borderColor: c, borderWidth: 2, tension: 0, spanGaps: true, pointRadius: s.thin ? s.values.map((_, i) => (s.thin.includes(i) ? 3.5 : 0)) : (d.points ? 3 : 0), pointBackgroundColor: s.thin ? s.values.map((_, i) => (s.thin.includes(i) ? p.surface : c)) : c, pointBorderColor: c, pointBorderWidth: 1.75, segment: { borderDash: (x) => (s.dashedFrom !== undefined && x.p0DataIndex >= s.dashedFrom ? [4, 4] : undefined) } });
    });
    const named = d.series.filter((s) => s.end).map((s) => ({ text: s.end, value: s.values.filter((v) => v !== null).at(-1), color: tone(s) }));
    return { type: "line", data: { labels: d.labels, datasets: sets }, options: { layout: { padding: { top: d.marks ? 18 : 6, right: named.length ? (d.room || 72) : 8 } }, scales: { x: xAxis(p), y: yAxis(p, d.unit, { min: d.min, max: d.max }, d.step) }, plugins: { fwMarks: { items: d.marks }, fwLevels: { items: d.levels }, fwEnds: { items: named }, tooltip: { filter: (i) => !i.dataset.band, callbacks: { label: (i) => { const s = d.series.find((z) => z.name === i.dataset.label); const j = i.dataIndex; return `${s.name}: ${format(s.values[j], d.unit)}` + (s.lo && s.lo[j] !== null ? `  [${format(s.lo[j])}, ${format(s.hi[j])}]` : "") + (s.n && s.n[j] !== null ? `  n ${s.n[j].toLocaleString("en-US")}` : ""); } } } } } };
  },
  outcomes(d, p) {                                       // {labels, blocked, unclear, succeeded, marks}: the bad at the base, where lengths compare
    const bar = (label, data, color) => ({ label, data, backgroundColor: color, borderColor: p.surface, borderWidth: { top: 1.5 }, borderSkipped: false, barPercentage: 0.86, categoryPercentage: 0.9, maxBarThickness: 26 });
    return { type: "bar", data: { labels: d.labels, datasets: [bar("succeeded", d.succeeded, p.bad), bar("unclear", d.unclear, hatch(p.unclear, p.surface)), bar("blocked", d.blocked, p.good)] }, options: { layout: { padding: { top: 20 } }, scales: { x: xAxis(p, { stacked: true }), y: yAxis(p, "", { stacked: true, ticks: { precision: 0, maxTicksLimit: 5, padding: 8 } }) }, plugins: { fwMarks: { items: d.marks, between: true } } } };
  },
  forest(d, p) {                                         // {unit, min, max, zero, margin, rows:[{label, value, lo, hi, tone, text}]}
    return { type: "bar", data: { labels: d.rows.map((r) => r.label), datasets: [{ data: d.rows.map((r) => [r.lo, r.hi]), backgroundColor: "transparent" }] }, options: { indexAxis: "y", layout: { padding: { right: 6 } }, scales: { x: { min: d.min, max: d.max, grid: { color: p.grid, drawTicks: false }, border: { display: false }, ticks: { maxTicksLimit: 7, padding: 6, callback: (v) => (v > 0 ? "+" : "") + format(v) } }, y: { afterFit: words, grid: { display: false }, border: { display: false }, ticks: { color: p.ink, autoSkip: false, font: { size: narrow() ? 11 : 13 } } } }, plugins: { fwForest: { items: d.rows }, fwLevels: { axis: "x", items: [{ value: d.zero || 0, solid: true }].concat(d.margin !== undefined ? [{ value: d.margin }] : []) }, tooltip: { callbacks: { label: (i) => { const r = d.rows[i.dataIndex]; return r.text || `${format(r.value, d.unit)}  [${format(r.lo)}, ${format(r.hi)}]`; } } } } } };
  },
  pareto(d, p) {                                         // {items:[{label, value, share}]}: cumulative share as words, not as a second axis
    let sum = 0; const total = d.items.reduce((a, i) => a + i.value, 0); const said = d.items.map((i, j) => { sum += i.value; return [i.value.toLocaleString("en-US"), j ? `${narrow() ? "" : "cum. "}${Math.round((100 * sum) / total)} %` : `${Math.round((100 * sum) / total)} %`]; });
    return { type: "bar", data: { labels: d.items.map((i) => i.label), datasets: [{ data: d.items.map((i) => i.value), backgroundColor: d.items.map((_, i) => (i < (d.strong || 1) ? p.accent : alpha(p.accent, 0.42))), borderRadius: 2, barThickness: 14 }] }, options: { indexAxis: "y", layout: { padding: { right: narrow() ? 70 : 108 } }, scales: { x: { display: false, min: 0 }, y: { afterFit: words, grid: { display: false }, border: { display: false }, ticks: { color: p.ink, autoSkip: false, font: { size: narrow() ? 11 : 13 } } } }, plugins: { fwValues: { axis: "y", items: said } } } };
  },
};
