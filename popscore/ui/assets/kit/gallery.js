// A gallery put together from the updates that popscore/ui/kit/gallery_updates.py sends: results come when they
// are new, the order comes each time. An update may have been missed: photos that are not known are left out until
// the last update, which has them all.

window.popscore.gallery = () => {
  let results = new Map(); // place in the list that was sent -> what does not change
  let errors = new Map();
  return {
    // The results, best first, with rank, group, group_best and too_close.
    ranked: [],
    errors: [],
    scenes: 0,
    take(update) {
      if (!update.order) return;
      if (update.phase === 'done') {
        results = new Map();
        errors = new Map();
      }
      for (const result of update.results) results.set(result.index, result);
      for (const error of update.errors) errors.set(error.index, error);
      const {indexes, ranks, groups, too_close: close} = update.order;
      const seen = new Set();
      const all = indexes.map((index, place) => {
        const first = !seen.has(groups[place]);
        seen.add(groups[place]);
        return {...results.get(index), index, rank: ranks[place], group: groups[place], group_best: first, too_close: Boolean(close[place])};
      });
      this.scenes = seen.size;
      this.ranked = all.filter((result) => results.has(result.index));
      this.errors = [...errors.values()].sort((a, b) => a.index - b.index);
    },
  };
};
