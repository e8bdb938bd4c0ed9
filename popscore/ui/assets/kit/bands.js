// The bands on a scale, as in popscore/ui/kit/band_chart.py: Rank's dots and Video's time line are drawn over
// them. `popscore.bands` comes from the server, best first; `from` is null for the last, which has no lower end.

Object.assign(window.popscore, {
  cssOf: (label) => window.popscore.bands.find((band) => band.label === label)?.css || '',

  // From `low` to `high` in percent, and the bands that lie between them, best first.
  axis(low, high) {
    const across = (score) => (100 * (score - low)) / (high - low);
    const spans = [];
    let upper = high;
    for (const band of window.popscore.bands) {
      const lower = Math.max(band.from ?? -Infinity, low);
      if (lower >= upper) continue;
      spans.push({label: band.label, css: band.css, lower, upper, start: across(lower), size: across(upper) - across(lower)});
      upper = lower;
    }
    return {across, spans};
  },

  // The bands as the ground of a chart: with their words, side by side or one above the other.
  ground(axis, {upright = false} = {}) {
    return axis.spans.map((span) => {
      const part = window.popscore.make('span', `ps-band ${span.css}`, span.label);
      Object.assign(part.style, upright
        ? {bottom: `${span.start}%`, height: `${span.size}%`, left: 0, right: 0}
        : {left: `${span.start}%`, width: `${span.size}%`, top: 0, bottom: 0});
      return part;
    });
  },

  // Every score as a dot over the bands; dots that would cover each other are stacked.
  dots(chart, results, decidedOf) {
    const {axis: axisOf, make, cssOf, ground} = window.popscore;
    const scores = results.map((result) => result.score);
    const axis = axisOf(Math.min(-1, ...scores) - 0.2, Math.max(6.5, ...scores) + 0.2);
    const columns = new Map();
    const dots = results.map((result) => {
      const column = Math.round(axis.across(result.score) * 1.5);
      const height = columns.get(column) || 0;
      columns.set(column, height + 1);
      const dot = make('i', `ps-dot ${cssOf(result.label)}`);
      dot.style.left = `${axis.across(result.score)}%`;
      dot.style.bottom = `${4 + Math.min(height, 7) * 8}px`;
      dot.title = `${result.rank}. ${result.file} ${result.score.toFixed(2)}`;
      Object.assign(dot.dataset, {do: 'show', id: result.id, decided: decidedOf(result.id) || ''});
      return dot;
    });
    chart.setAttribute('aria-label', scores.length
      ? `All scores, from ${Math.min(...scores).toFixed(2)} to ${Math.max(...scores).toFixed(2)}` : 'No scores yet');
    chart.replaceChildren(...ground(axis), ...dots);
  },
});
