// The Rank tab in the browser. `element`, `props` and `server` come from Gradio, `popscore` from assets/kit. The page
// owns the photos and what was decided; the server scores small copies and puts them in order.

const {make, count} = popscore;
const root = element.querySelector('.pr');
const {find, say, busy, act} = popscore.page(root);
const limits = props.limits;
const shots = popscore.shots();
const saved = popscore.saved();
const previews = popscore.pictures((id, side) => server.preview(id, side));
const FIRST_ORDER = 4; // photos after which the server is asked for the order, and then each time there are twice as many

const state = {
  model: null, // SHA-256 of the model that scored them
  burst: limits.burst_s,
  closer: true, // shots of a scene are put in order by what a score does not see
  looking: 0, // scenes that are looked at closer now
  people: true, // faces are looked for
  seeking: false, // just now
  show: 'all',
  who: 'all', // of people, no people, closed eyes
  open: new Set(), // scenes that are unfolded
  picked: [], // ids to compare
  stopped: false,
  ordered: 0, // photos in the latest order of the server
  began: 0,
  cleared: null, // what was there before it was started over
};

// --- pictures ------------------------------------------------------------------------------------

const addresses = new Map(); // id and size -> address of a picture on this machine
const local = (key, blob) => {
  if (!addresses.has(key)) addresses.set(key, URL.createObjectURL(blob));
  return addresses.get(key);
};
// A photo that the browser cannot show is shown by the server, as long as it has it.
async function fromServer(photo, side) {
  if (!photo.sent) return null;
  return previews.get(photo.sent, side);
}
async function smallOf(photo) {
  if (photo.small) return local(`small ${photo.id}`, photo.small);
  if (photo.copy && !photo.whole) return local(`copy ${photo.id}`, photo.copy);
  return fromServer(photo, limits.small);
}
async function largeOf(photo) {
  if (photo.file && (photo.small || !photo.whole)) return local(`file ${photo.id}`, photo.file);
  if (photo.copy && (photo.small || !photo.whole)) return local(`copy ${photo.id}`, photo.copy);
  return (await fromServer(photo, limits.large)) || smallOf(photo);
}
// The upload of a photo in full size, which is sent only where that is needed.
async function originalOf(photo) {
  if (photo.whole) return pipeline.sent(photo);
  if (photo.original) return photo.original;
  const final = (words) => Object.assign(new Error(words), {final: true});
  if (!photo.file) throw final(`The original of ${photo.name} is needed, because the page was opened again. Add it again, under More.`);
  if (photo.file.size > limits.bytes) throw final(`${photo.name} is too large: the limit is ${Math.round(limits.bytes / 1e6)} MB. Save it smaller.`);
  photo.original = await popscore.sendFile(photo.file);
  return photo.original;
}
function pictureOf(photo, image) {
  smallOf(photo).then((address) => {
    if (address) image.src = address;
    else image.dataset.waits = photo.id; // filled when it is there
  });
}
function pictureCame(photo) {
  for (const image of find('.pr-grid').querySelectorAll(`img[data-waits="${photo.id}"]`)) {
    delete image.dataset.waits;
    pictureOf(photo, image);
  }
}

// --- photos in ---------------------------------------------------------------------------------

// What came in: photos, originals of photos that are known already, and what is left out, with one count.
async function bring(found) {
  await restored;
  const files = found.filter((file) => !file.name.startsWith('.'));
  const photos = files.filter(popscore.isPhoto);
  const raw = files.filter(popscore.isRaw).length;
  const left = files.length - photos.length - raw;
  const fresh = [];
  let again = 0;
  let back = 0;
  for (const file of photos) {
    const known = shots.same(file);
    if (!known) fresh.push(file);
    else if (known.file) again += 1;
    else {
      known.file = file;
      back += 1;
      if (known.error) { // it was not read before the page was closed
        known.error = null;
        known.copy = null;
      }
    }
  }
  const total = shots.count + fresh.length;
  const notes = [];
  if (total > limits.files) {
    say(`${total} photos are too many: the limit is ${limits.files}. Choose fewer at a time.`);
    return;
  }
  if (back) notes.push(`${count(back, 'original is', 'originals are')} here again.`);
  if (again) notes.push(`${count(again, 'photo was', 'photos were')} there already.`);
  if (left) notes.push(`${count(left, 'file that is no photo was', 'files that are no photos were')} left out.`);
  if (raw) notes.push(`${count(raw, 'raw file was', 'raw files were')} left out: add the JPEGs beside them.`);
  state.cleared = null;
  say(notes.join(' '), true);
  for (const file of fresh) {
    shots.put({
      id: shots.newId(), name: file.name, bytes: file.size, modified: file.lastModified, file, copy: null, small: null,
      whole: false, width: 0, height: 0, sent: null, result: null, error: null, decision: null, by: null,
    });
  }
  if (fresh.length || shots.all().some(unread)) work();
  else draw();
}

const unread = (photo) => !photo.result && !photo.error && (photo.file || photo.copy);
const record = ({file, copy, small, sent, original, ...rest}) => rest;
const keep = (photos) => saved.photos(photos.map(record));
const keepPage = () => saved.page({
  model: state.model, burst: state.burst, closer: state.closer, people: state.people, taste: taste.kept, want: wanted(), at: Date.now(), names: find('.pr-grid').dataset.names === 'on',
});

const pipeline = popscore.pipeline({
  server,
  limits,
  changed(photo, step, model) {
    if (shots.get(photo.id) !== photo) return; // started over meanwhile
    if (step === 'shrunk') {
      saved.pictures({id: photo.id, small: photo.small, copy: photo.copy});
      pictureCame(photo);
      drawSoon();
      return;
    }
    if (model) scoredBy(model);
    if (photo.whole && !photo.small) pictureCame(photo);
    keep([photo]);
    shots.order();
    drawSoon();
    const scored = shots.placed().length;
    if (scored >= Math.max(FIRST_ORDER, 2 * state.ordered)) orderNow();
  },
  lost(seconds) {
    state.lost = seconds;
    drawBusy();
  },
});

const taste = popscore.taste({
  find, shots, server, pipeline, limits, say, smallOf, largeOf,
  enter: (dialog) => views.enter(dialog),
  changed: () => { keepPage(); taste.draw(); },
  async reorder() {
    await orderClosely();
    draw();
  },
});

// Another model answers by now: what the earlier one has said is forgotten.
function scoredBy(model) {
  if (state.model && state.model !== model.sha256) {
    for (const photo of shots.all()) if (photo.result && photo.model !== model.sha256) photo.result = null;
    views.forget();
  }
  state.model = model.sha256;
}

let ordering = null;
async function orderNow(closer = false) {
  if (ordering) {
    await ordering;
    if (!closer) return;
  }
  ordering = (async () => {
    const sent = shots.placed().filter((photo) => photo.sent || photo.copy);
    if (!sent.length) return;
    state.ordered = sent.length;
    const order = await pipeline.order(sent, state.burst, closer, state.people, taste.sent).catch((error) => (error.final ? {message: error.message} : null));
    if (!order) return;
    if (order.message) say(order.message);
    else {
      if (sent.some((photo) => shots.get(photo.id) !== photo)) return; // started over meanwhile
      scoredBy(order.model);
      shots.take(sent, order);
      keep(sent);
      drawSoon();
    }
  })();
  await ordering;
  ordering = null;
}

// Then the shots of each scene are looked at closer: which is sharper, better lit, and has all eyes open.
async function orderClosely() {
  await orderNow();
  const scenes = [...shots.scenes().values()].filter((all) => all.length > 1).length;
  if (!state.closer || !scenes || state.stopped) return;
  state.looking = scenes;
  drawBusy();
  await orderNow(true);
  state.looking = 0;
  drawBusy();
}

// Last of all, faces are looked for on the photos that have no others of their scene beside them, best first. Nothing
// waits for it; whatever comes between is done first.
async function seekPeople() {
  if (state.seeking) return;
  state.seeking = true;
  const tried = new Set();
  for (;;) {
    if (!state.people || state.stopped || root.dataset.phase !== 'done') break;
    const next = shots.placed().filter((photo) => !photo.people && !tried.has(photo.id) && (photo.sent || photo.copy)).slice(0, limits.people);
    if (!next.length) break;
    for (const photo of next) tried.add(photo.id);
    drawSummary();
    const answer = await pipeline.people(next).catch(() => null);
    if (!answer?.people || next.some((photo) => shots.get(photo.id) !== photo)) continue;
    next.forEach((photo, at) => { photo.people = answer.people[at] || {faces: null, words: ''}; });
    keep(next);
    drawSoon();
  }
  state.seeking = false;
  draw();
}

async function work() {
  if (pipeline.running) { // it goes on with what has come
    draw();
    return;
  }
  state.stopped = false;
  state.began = Date.now();
  state.before = shots.placed().length;
  state.lost = null;
  root.dataset.phase = 'busy';
  draw();
  let whole = true;
  while (whole && shots.all().some(unread)) whole = await pipeline.run(shots.all());
  if (!whole) return; // stopped, or started over
  await ordering;
  if (shots.placed().length) await orderClosely();
  if (state.stopped) return;
  root.dataset.phase = shots.count ? 'done' : 'empty';
  keep(shots.all());
  keepPage();
  draw();
  if (saved.trouble) say(saved.trouble);
  seekPeople();
}

function drawBusy() {
  if (state.looking) {
    busy(`Looking closer at the shots of ${count(state.looking, 'scene', 'scenes')}`, 1);
    return;
  }
  if (root.dataset.phase !== 'busy') {
    busy(null);
    return;
  }
  const total = shots.all().filter((photo) => photo.file || photo.copy || photo.result).length;
  const done = shots.placed().length + shots.failed.length;
  if (state.lost != null) {
    busy(`The connection is gone. Going on as soon as it is back: ${done} of ${total} scored`, done / total);
    return;
  }
  const fresh = done - state.before;
  const seconds = (Date.now() - state.began) / 1000;
  const left = fresh > 2 && seconds > 2 ? Math.ceil(((total - done) * seconds) / fresh) : null;
  const time = left === null ? '' : left > 90 ? `, ${Math.round(left / 60)} minutes left` : `, ${count(left, 'second', 'seconds')} left`;
  busy(`Scored ${done} of ${total}${time}`, total ? done / total : 0);
}

// --- grid --------------------------------------------------------------------------------------

const WARNINGS = {almost_black: 'almost black', one_color: 'one colour', not_a_photo: 'text or screen'};
let marks = new Map(); // id -> what its card shows beside the photo

const grid = popscore.grid({list: find('.pr-grid'), pictureOf, of: (photo) => marks.get(photo.id)});

const peopleOn = (photo) => {
  const said = (state.people && photo.people?.words) || '';
  return said && said !== photo.result?.reason && `${said[0].toUpperCase()}${said.slice(1)}.`;
};
const seenOn = {
  all: () => true,
  people: (photo) => photo.people?.faces > 0,
  none: (photo) => photo.people?.faces === 0,
  closed: (photo) => photo.people?.eyes_closed > 0,
};

// The few words beside a photo: what is wrong with it before what is good, and that before what is on it.
function noteOf(photo) {
  if (photo.result?.warning) return WARNINGS[photo.result.warning];
  const said = (state.people && photo.people?.words) || '';
  const wrong = photo.people?.eyes_closed > 0 || said === 'face not sharp';
  return (wrong && said) || photo.result?.reason || said;
}

// What the grid shows, in its order: the best of each scene, and under it the rest if it is unfolded; then those that
// still wait. Whoever is left out leaves the lead to the next best.
function listed() {
  const who = seenOn[state.people ? state.who : 'all'];
  const fits = (photo) => who(photo) && (state.show === 'all' || (state.show === 'kept' ? photo.decision === 'keep' : photo.decision !== 'reject'));
  const ranked = shots.placed().filter(fits);
  if (state.show === 'kept') return ranked;
  const folded = [...shots.scenes(ranked)].flatMap(([scene, all]) => (state.open.has(scene) ? all : all.slice(0, 1)));
  return [...folded, ...shots.all().filter(unread)];
}

function drawMarks(list) {
  const sizes = new Map([...shots.scenes()].map(([scene, all]) => [scene, all.length]));
  const seen = new Set();
  marks = new Map();
  list.forEach((photo, at) => {
    const scene = shots.sceneOf(photo);
    const tier = photo.result?.tier;
    const same = (other) => tier && other?.result?.tier === tier;
    const bracket = same(list[at - 1]) || same(list[at + 1]);
    marks.set(photo.id, {
      decision: photo.decision,
      sceneSize: photo.result ? sizes.get(scene) : 1,
      leads: state.show === 'kept' || !seen.has(scene),
      open: state.open.has(scene),
      picked: state.picked.includes(photo.id),
      note: noteOf(photo),
      tier: bracket && {starts: !same(list[at - 1]), ends: !same(list[at + 1]), words: `tier ${tier}, too close to call`},
    });
    seen.add(scene);
  });
}

let drawing = false;
function drawSoon() {
  if (drawing) return;
  drawing = true;
  setTimeout(() => { drawing = false; draw(); }, 250);
}

function draw() {
  find('.ps-head').hidden = !shots.count;
  find('.pr-back').hidden = !state.cleared;
  find('.ps-drop').classList.toggle('ps-small', shots.count > 0);
  const list = listed();
  drawMarks(list);
  grid.show(list);
  drawBusy();
  drawSummary();
  taste.draw();
  const ranked = shots.placed();
  find('.pr-chart').hidden = !ranked.length;
  popscore.dots(
    find('.pr-chart'), ranked.map((photo) => ({...photo.result, id: photo.id, file: photo.name})), (id) => shots.get(id)?.decision);
  views.draw();
  const bar = find('.pr-compare-bar');
  bar.hidden = !state.picked.length || views.shown !== null || views.comparing;
  bar.querySelector('p').textContent = state.picked.length === 1
    ? 'One photo is picked. Open another one and choose Compare.' : `${state.picked.length} photos are picked.`;
  bar.querySelector('[data-do=compare]').disabled = state.picked.length < 2;
}

const wanted = () => Math.max(1, Math.min(999, Math.round(Number(find('#pr-want').value)) || 10));
// What "Save" saves: the photos that are kept, or a first choice if none is.
const chosen = () => (shots.kept().length ? shots.kept() : shots.firstChoice(wanted()));

function drawSummary() {
  const ranked = shots.placed();
  const kept = shots.kept().length;
  const failed = shots.failed;
  const waits = shots.all().filter(unread).length;
  const lost = shots.all().filter((photo) => !photo.result && !photo.error && !photo.file && !photo.copy).length;
  const parts = [count(ranked.length, 'photo', 'photos'), count(shots.scenes().size, 'scene', 'scenes')];
  if (failed.length) parts.push(`${failed.length} could not be read`);
  parts.push(kept && kept < wanted() ? `${kept} of ${wanted()} kept` : `${kept} kept`);
  if (waits && root.dataset.phase === 'done') parts.push(`stopped: ${waits} not scored`);
  if (lost) parts.push(`${lost} to be added again`);
  const unseen = shots.placed().filter((photo) => !photo.people).length;
  if (state.seeking && unseen) parts.push(`looking for people on ${unseen} more`);
  drawWho();
  find('.ps-summary').textContent = parts.join(' · ');
  find('[data-do=resume]').hidden = !waits || root.dataset.phase !== 'done';
  const undoing = find('.ps-head [data-do=undo]');
  undoing.hidden = !shots.undoable;
  undoing.title = shots.undoable ? `Take back: ${shots.undoable} (Ctrl+Z)` : '';
  const zip = find('.ps-tools [data-do=zip]');
  zip.disabled = !chosen().length;
  zip.textContent = kept ? `Save ${kept} kept as ZIP` : `Save the best ${chosen().length || wanted()} as ZIP`;
  for (const one of find('.pr-menu').querySelectorAll('[data-do=csv], [data-do=xmp], [data-do=best], [data-do=unfold]')) {
    one.disabled = !ranked.length;
  }
  find('[data-do=csv]').textContent = `Table of all ${ranked.length} (CSV)`;
  find('[data-do=xmp]').textContent = `Star ratings of all ${ranked.length} (XMP), rejected as -1`;
  find('[data-do=copy]').hidden = !popscore.exports.canCopy();
  find('[data-do=copy]').textContent = kept ? `Copy ${kept} kept into a folder` : `Copy the best ${chosen().length} into a folder`;
  find('[data-do=share]').hidden = !kept || !popscore.exports.canShare(shots.kept());
  const list = find('.pr-failed');
  list.hidden = !failed.length;
  if (failed.length && !ranked.length) list.open = true;
  list.querySelector('summary').textContent = `${failed.length} could not be read`;
  list.querySelector('ul').replaceChildren(...failed.map((photo) => make('li', '', photo.error)));
  for (const one of find('.pr-show').querySelectorAll('[data-show]')) {
    one.setAttribute('aria-pressed', one.dataset.show === state.show);
  }
  const groups = [...shots.scenes()].filter(([, all]) => all.length > 1).map(([scene]) => scene);
  const unfold = find('[data-do=unfold]');
  unfold.setAttribute('aria-pressed', groups.length > 0 && groups.every((scene) => state.open.has(scene)));
  find('[data-do=closer]').setAttribute('aria-pressed', state.closer);
  find('[data-do=names]').setAttribute('aria-pressed', find('.pr-grid').dataset.names === 'on');
  find('[data-do=first]').disabled = !ranked.length;
}

// Which photos are shown by the people on them: offered as soon as a face was found.
function drawWho() {
  const choice = find('.pr-who');
  const ranked = shots.placed();
  const counts = Object.fromEntries(Object.entries(seenOn).map(([who, fits]) => [who, ranked.filter(fits).length]));
  choice.hidden = !state.people || !counts.people;
  if (choice.hidden) state.who = 'all';
  for (const option of choice.options) {
    option.dataset.words ??= option.textContent;
    if (option.value === 'all') continue;
    option.textContent = `${option.dataset.words} (${counts[option.value]})`;
    option.disabled = !counts[option.value] && option.value !== state.who;
  }
  choice.value = state.who;
  find('[data-do=people]').setAttribute('aria-pressed', state.people);
}

// --- what a person does ------------------------------------------------------------------------

const views = popscore.photoViews({
  find, shots, grid, server, listed, draw, decide, change, pick, largeOf, smallOf, originalOf,
  sentOf: pipeline.sent,
  peopleOn,
  model: () => state.model,
  unpick() { state.picked = []; draw(); },
});

function decide(id, decision) {
  if (!shots.get(id)?.result) return;
  keep(shots.decide(id, decision).map(shots.get));
  const had = views.shown;
  if (!had || shots.get(id).decision === null) draw();
  else {
    views.decided();
    draw();
  }
}

function change(words, changes) {
  keep(shots.change(words, changes).map(shots.get));
  draw();
}

function undo() {
  if (state.cleared) {
    bringBack(state.cleared);
    return;
  }
  const undone = shots.undo();
  if (!undone) return;
  keep(undone.ids.map(shots.get).filter(Boolean));
  if (views.shown && undone.ids.length === 1) views.open(undone.ids[0]);
  draw();
  if (!views.shown && undone.ids.length === 1) grid.focus(undone.ids[0]);
}

function pick(id) {
  state.picked = state.picked.includes(id) ? state.picked.filter((one) => one !== id) : [...state.picked, id].slice(-4);
  if (views.shown && state.picked.length === 1) views.close();
  draw();
}

function first() {
  const chosenOnes = shots.firstChoice(wanted());
  const already = shots.kept().length;
  change('Choose', chosenOnes.filter((photo) => photo.decision !== 'keep').map((photo) => [photo.id, {decision: 'keep'}]));
  state.show = 'kept';
  keepPage();
  const more = shots.kept().length - already;
  say(`${count(more, 'photo was', 'photos were')} chosen: the best of each scene, spread over the tiers and days. `
    + 'Go through them: reject what you do not want, or take it all back with Undo.', true);
  draw();
}

async function zip() {
  const photos = chosen();
  if (!originalsHere(photos)) return;
  try {
    root.dataset.saving = '';
    await popscore.exports.zip(photos, `popscore ${photos.length} photos.zip`, (done, all) => say(`Packing ${done} of ${all}.`, true));
    say(`${count(photos.length, 'photo is', 'photos are')} in the ZIP. It was made on this device.`, true);
  } catch (error) {
    say('The ZIP could not be made: an original is not where it was any more. Choose the originals again.');
    for (const photo of photos) photo.file = null;
    originalsHere(photos);
  } finally {
    delete root.dataset.saving;
  }
}

async function copy() {
  const photos = chosen();
  if (!originalsHere(photos)) return;
  try {
    const folder = await popscore.exports.copy(photos, (done, all) => say(`Copied ${done} of ${all}.`, true));
    say(`${count(photos.length, 'photo was', 'photos were')} copied into ${folder}.`, true);
  } catch (error) {
    if (error.name !== 'AbortError') say('The photos could not be copied. Check that the folder may be written to.');
  }
}

// Says which originals are needed, if some are.
function originalsHere(photos) {
  const needed = popscore.exports.missing(photos);
  const box = find('.pr-needs');
  box.hidden = !needed.length;
  const names = needed.slice(0, 8).map((photo) => photo.name).join(', ');
  box.querySelector('p').textContent = needed.length
    ? `${count(needed.length, 'original is', 'originals are')} needed, because the page was opened again: ${names}`
      + `${needed.length > 8 ? ` and ${needed.length - 8} more` : ''}. They stay on this device.` : '';
  return !needed.length;
}

async function table(kind) {
  say('');
  const answer = await server.save(kind, shots.rows()).catch(() => ({message: 'The file could not be made. Check the connection and try again.'}));
  if (answer.message) say(answer.message);
  if (answer.file) popscore.save(answer.file, answer.name);
}

function forgetPictures() {
  for (const address of addresses.values()) URL.revokeObjectURL(address);
  addresses.clear();
  previews.clear();
}

function clear() {
  pipeline.stop();
  views.close();
  const before = {photos: shots.all(), model: state.model, taste: taste.kept};
  shots.clear();
  grid.clear();
  forgetPictures();
  saved.clear();
  taste.restore(null);
  Object.assign(state, {
    model: null, show: 'all', who: 'all', open: new Set(), picked: [], stopped: true, ordered: 0, cleared: before.photos.length ? before : null,
  });
  views.forget();
  root.dataset.phase = 'empty';
  find('.pr-needs').hidden = true;
  say('');
  draw();
}

// Takes "Start over" back.
function bringBack(before) {
  for (const photo of before.photos) shots.put(photo);
  taste.restore(before.taste);
  Object.assign(state, {model: before.model, cleared: null, stopped: false});
  root.dataset.phase = 'done';
  keep(shots.all());
  for (const photo of shots.all()) if (photo.copy) saved.pictures({id: photo.id, small: photo.small, copy: photo.copy});
  keepPage();
  draw();
}

function stop() {
  state.stopped = true;
  pipeline.stop();
  root.dataset.phase = shots.count ? 'done' : 'empty';
  draw();
}

function unfold() {
  const groups = [...shots.scenes()].filter(([, all]) => all.length > 1).map(([scene]) => scene);
  state.open = groups.every((scene) => state.open.has(scene)) ? new Set() : new Set(groups);
  draw();
}

async function burst(seconds) {
  state.burst = seconds;
  for (const photo of shots.all()) photo.by = null;
  await orderClosely();
  keepPage();
  draw();
}

async function closer() {
  state.closer = !state.closer;
  await orderClosely();
  keepPage();
  draw();
}

async function people() {
  state.people = !state.people;
  keepPage();
  draw();
  await orderClosely();
  draw();
  seekPeople();
}

// A photo leaves its scene, or joins that of the photo before it in the list.
function apart(id) {
  change('A scene of its own', [[id, {by: `own ${id}`}]]);
}
function join(id) {
  const list = listed();
  const at = list.findIndex((photo) => photo.id === id);
  const before = list[at - 1];
  if (!before) return;
  const scene = shots.sceneOf(before);
  const all = shots.placed().filter((photo) => shots.sceneOf(photo) === scene);
  change('Join the scene before', [...all, shots.get(id)].map((photo) => [photo.id, {by: `with ${before.id}`}]));
}

async function sample() {
  const answer = await server.sample().catch(() => ({message: 'The sample photos did not arrive. Check the connection.'}));
  if (answer.message) say(answer.message);
  if (!answer.photos) return;
  const files = await Promise.all(answer.photos.map(async ({name, image}) => {
    const blob = await (await fetch(image)).blob();
    return new File([blob], name, {type: blob.type, lastModified: 1});
  }));
  bring(files);
}

// The photo that a button or a key belongs to.
const idOf = (target) =>
  target.dataset.id || target.closest('.ps-card')?.dataset.id || (target.closest('.pr-large') ? views.shown : null);

views.keys(root, {undo});
act({
  stop, clear, unfold, zip, copy, first, undo, sample,
  choose: () => find('.ps-files').click(),
  folder: () => find('.pr-folder').click(),
  resume: work,
  csv: () => table('csv'),
  xmp: () => table('xmp'),
  share: () => popscore.exports.share(shots.kept()).catch(() => {}),
  best: () => { keep(shots.keepBestOfScenes().map(shots.get)); draw(); },
  names() {
    find('.pr-grid').dataset.names = find('.pr-grid').dataset.names === 'on' ? 'off' : 'on';
    keepPage();
    draw();
  },
  filter: (pressedOne) => { state.show = pressedOne.dataset.show; draw(); },
  show: (one) => views.open(idOf(one)),
  group: (one) => {
    const scene = shots.sceneOf(shots.get(idOf(one)));
    if (!state.open.delete(scene)) state.open.add(scene);
    draw();
  },
  keep: (one) => decide(idOf(one), 'keep'),
  reject: (one) => decide(idOf(one), 'reject'),
  back: () => views.step(-1),
  next: () => views.step(1),
  zoom: views.zoom,
  full: views.fullScreen,
  pick: (one) => pick(idOf(one)),
  compare: () => views.compare(state.picked),
  duel: () => views.compare(
    shots.placed().filter((photo) => shots.sceneOf(photo) === shots.sceneOf(shots.get(views.shown))).map((photo) => photo.id), 2),
  apart: () => apart(views.shown),
  join: () => join(views.shown),
  better: (one) => views.better(Number(one.dataset.at)),
  settle: views.settle,
  closer,
  people,
  learn: taste.learn,
  taste: () => taste.use(),
  saveTaste: taste.save,
  forgetTaste: taste.forget,
  choice: (one) => taste.choose(Number(one.dataset.at)),
  choiceBack: taste.back,
  cannotSay: taste.skip,
  byTaste: () => taste.use(true),
  look: (one) => views.lookAt(one.dataset.view),
  maps: views.toggleMaps,
  unpick: () => { state.picked = []; draw(); },
  close: (one) => one.closest('dialog').close(),
});

for (const input of root.querySelectorAll('input[type=file]')) {
  input.addEventListener('change', () => {
    const files = [...input.files];
    input.value = '';
    bring(files);
  });
}
find('.pr-burst').addEventListener('change', (event) => burst(Number(event.target.value)));
find('.pr-who').addEventListener('change', (event) => { state.who = event.target.value; draw(); });
find('#pr-want').addEventListener('change', () => { keepPage(); draw(); });
const menu = find('.pr-menu');
document.addEventListener('click', (event) => {
  if (menu.open && (!menu.contains(event.target) || event.target.closest('.pr-menu button'))) menu.open = false;
});
menu.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  menu.open = false;
  menu.querySelector('summary').focus();
});
popscore.takeFiles({element: root, kind: 'image', tab: 'Rank', take: bring, area: find('.ps-drop')});

// --- what was kept -------------------------------------------------------------------------------

// The gallery of the last time, with all decisions; its originals are on the person's machine alone.
const restored = (async () => {
  const [found] = await Promise.all([saved.found(), popscore.bank.ready]);
  if (!found) return;
  for (const photo of found.photos) {
    const pictures = found.pictures.get(photo.id);
    shots.put({...photo, file: null, sent: null, copy: pictures?.copy || null, small: pictures?.small || null});
  }
  Object.assign(state, {model: found.page.model || null, burst: found.page.burst || limits.burst_s, closer: found.page.closer ?? true, people: found.page.people ?? true});
  await taste.restore(found.page.taste);
  if (found.page.want) find('#pr-want').value = found.page.want;
  if (found.page.names) find('.pr-grid').dataset.names = 'on';
  find('.pr-burst').value = String(state.burst);
  root.dataset.phase = 'done';
  draw();
  if (shots.all().some(unread)) work();
  else (shots.placed().some((photo) => !photo.result.tier) ? orderClosely() : Promise.resolve()).then(seekPeople);
})();
draw();
