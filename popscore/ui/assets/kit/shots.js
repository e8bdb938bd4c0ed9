// The photos of a gallery: what is known of each, what was decided, and what follows from both: scenes, who leads a
// scene, a first choice. No element of the page is touched here.

// A photo is {id, name, bytes, modified, file, copy, small, whole, width, height, sent, result, error, decision, by}:
// `file` is the original, gone after a reload; `copy` is what is sent, `sent` where it lies on the server; `by` is the
// scene that a person put it into.
window.popscore.shots = () => {
  const photos = new Map();
  const done = []; // what can be undone: {words, before: [[id, decision, by]]}
  let counter = 0;

  const all = () => [...photos.values()];
  const placed = () => all().filter((photo) => photo.result?.rank).sort((a, b) => a.result.place - b.result.place);
  const sceneOf = (photo) => photo.by ?? `g${photo.result?.group ?? photo.id}`;

  function scenes(list = placed()) {
    const found = new Map();
    for (const photo of list) {
      const scene = sceneOf(photo);
      if (!found.has(scene)) found.set(scene, []);
      found.get(scene).push(photo);
    }
    return found;
  }

  // Where each one stands among the ranked, before the server has said so: by score, and with a warning last.
  function order() {
    const scored = all().filter((photo) => photo.result);
    const behind = (photo) => (photo.result.warning ? 1 : 0);
    scored.sort((a, b) => behind(a) - behind(b) || b.result.score - a.result.score);
    scored.forEach((photo, place) => {
      const before = scored[place - 1];
      const same = before && behind(before) === behind(photo) && before.result.score === photo.result.score;
      photo.result.place = place;
      photo.result.rank = same ? before.result.rank : place + 1;
    });
  }

  function change(words, changes) {
    const before = [];
    for (const [id, changed] of changes) {
      const photo = photos.get(id);
      before.push([id, photo.decision, photo.by]);
      Object.assign(photo, changed);
    }
    if (before.length) done.push({words, before});
    return before.map(([id]) => id);
  }

  // The score of this person takes the place of the general one, which is kept.
  function own(photo, personal) {
    const {result} = photo;
    if (result.general) Object.assign(result, result.general);
    result.general = personal && {score: result.score, percentile: result.percentile, label: result.label};
    result.personal = personal;
    if (personal) Object.assign(result, {score: personal.score, percentile: personal.percentile, label: personal.label});
  }
  const personal = ({general, personal: found}) => (general ? {
    score: general.score, personal_score: found.score, expected_ratio: found.expected_ratio, support: found.support,
  } : {});

  return {
    all, placed, scenes, sceneOf, order,
    get: (id) => photos.get(id),
    get count() { return photos.size; },
    get failed() { return all().filter((photo) => photo.error); },
    kept: () => placed().filter((photo) => photo.decision === 'keep'),
    newId: () => `p${Date.now().toString(36)}${(counter += 1).toString(36)}`,
    put: (photo) => photos.set(photo.id, photo),
    clear() {
      photos.clear();
      done.length = 0;
    },
    // The one that is this file already: same name, size and time.
    same: (file) => all().find((photo) => photo.name === file.name && photo.bytes === file.size && photo.modified === file.lastModified),

    // The order that the server gave for these photos, see `order` in popscore/ui/tabs/rank.py.
    take(sent, order) {
      order.indexes.forEach((index, place) => {
        const photo = sent[index];
        if (!photo.result) return;
        const first = order.groups.indexOf(order.groups[place]) === place;
        own(photo, order.personal?.[place] || null);
        Object.assign(photo.result, {
          place, rank: order.ranks[place], group: order.groups[place], group_best: first, tier: order.tiers[place],
          gap: order.gaps[place], too_close: order.too_close[place], reason: order.reasons?.[place] || '',
        });
        if (order.people?.[place]) photo.people = order.people[place];
      });
    },

    // --- decisions ---------------------------------------------------------------------------------

    change,
    decide: (id, decision) => change(
      decision === 'keep' ? 'Keep' : 'Reject', [[id, {decision: photos.get(id).decision === decision ? null : decision}]]),
    // Takes the last one back; gives its words and the photos that changed.
    undo() {
      const last = done.pop();
      if (!last) return null;
      for (const [id, decision, by] of last.before) if (photos.has(id)) Object.assign(photos.get(id), {decision, by});
      return {words: last.words, ids: last.before.map(([id]) => id)};
    },
    get undoable() { return done.at(-1)?.words || null; },

    // The best of each scene is kept, and the rest of it rejected; a scene of one photo stays undecided.
    keepBestOfScenes() {
      const changes = [];
      for (const scene of scenes().values()) {
        if (scene.length < 2) continue;
        const best = scene.find((photo) => photo.decision !== 'reject') || scene[0];
        for (const photo of scene) changes.push([photo.id, {decision: photo === best ? 'keep' : 'reject'}]);
      }
      return change('Keep the best of each group', changes);
    },

    // A first choice of so many: the best of each scene that was not rejected, in the order of the tiers, and within a
    // tier from the days that have the fewest until then. What is kept already counts. Photos with a warning are
    // never chosen, and no second one of a scene: there may be fewer than were wanted.
    firstChoice(wanted) {
      const ranked = placed();
      const chosen = ranked.filter((photo) => photo.decision === 'keep');
      const dayOf = (photo) => (photo.result.taken_s == null ? null : Math.floor(photo.result.taken_s / 86400));
      const days = new Map();
      const count = (photo) => days.set(dayOf(photo), (days.get(dayOf(photo)) || 0) + 1);
      chosen.forEach(count);
      const has = new Set(chosen.map(sceneOf));
      const open = [...scenes(ranked.filter((photo) => photo.decision !== 'reject'))]
        .filter(([scene]) => !has.has(scene)).map(([, [best]]) => best).filter((photo) => !photo.result.warning);
      while (chosen.length < wanted && open.length) {
        const alike = open.filter((photo) => photo.result.tier === open[0].result.tier);
        const fewest = Math.min(...alike.map((photo) => days.get(dayOf(photo)) || 0));
        const next = alike.find((photo) => (days.get(dayOf(photo)) || 0) === fewest);
        open.splice(open.indexOf(next), 1);
        count(next);
        chosen.push(next);
      }
      return chosen.sort((a, b) => a.result.place - b.result.place);
    },

    // The rows of a table or of star ratings, as the server takes them.
    rows: () => placed().map((photo) => ({
      ...photo.result, ...personal(photo.result), file: photo.name, width: photo.width || photo.result.width, height: photo.height || photo.result.height,
      decision: photo.decision, faces: photo.people?.faces ?? null, eyes_closed: photo.people?.eyes_closed ?? null,
      face_sharpness: photo.people?.face_sharpness ?? null,
    })),
  };
};
