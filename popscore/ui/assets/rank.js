// The Rank tab in the browser. `element`, `props`, `server`, `trigger`, `upload` and `watch` come from Gradio,
// `popscore` from assets/kit. The server owns scores, order and groups; this file asks for them, shows them, and
// remembers which photos were kept or rejected.

const {make, count} = popscore;
const root = element.querySelector('.pr');
const {find, say, busy, act} = popscore.page(root);
const limits = props.limits;
const pictures = popscore.pictures((id, side) => server.preview(id, side));

const state = {
  photos: new Map(), // id -> {id, name}: what was uploaded, by its address on the server
  sent: [], // the photos of the run whose results are shown, in the order they were sent
  run: 0,
  model: null, // SHA-256 of the model that scored them
  gallery: popscore.gallery(),
  results: [], // ranked, best first, as the server says
  lost: [], // photos that did not come to the server, and why
  decided: new Map(), // id -> 'keep' | 'reject'
  open: new Set(), // groups that are unfolded
  picked: [], // ids to compare, at most two
  show: 'all',
  stopped: false,
};
const byId = (id) => state.results.find((result) => result.id === id);
const errors = () => [...state.gallery.errors, ...state.lost];

// --- photos in ---------------------------------------------------------------------------------

async function bring(found) {
  const files = found.filter((file) => !file.name.startsWith('.'));
  if (!files.length) return;
  const total = state.photos.size + files.length;
  if (total > limits.files) {
    say(`${total} photos are too many: the limit is ${limits.files}. Choose fewer at a time.`);
    return;
  }
  const fit = files.filter((file) => file.size <= limits.bytes);
  const refused = files.filter((file) => file.size > limits.bytes).map((file) => ({
    file: file.name,
    message: `${file.name} is too large: the limit is ${limits.bytes / 1e6} MB. Save it smaller.`,
  }));
  say('');
  state.stopped = false;
  root.dataset.phase = 'busy';
  busy(`Uploading ${count(fit.length, 'photo', 'photos')}`, 0);
  const {sent, lost} = await popscore.uploadAll(fit, upload, {
    stopped: () => state.stopped,
    progress: (done, all) => busy(`Uploaded ${done} of ${all}`, done / all),
  });
  for (const photo of sent) state.photos.set(photo.id, photo);
  state.lost = [...state.lost, ...refused, ...lost];
  if (!state.photos.size) {
    busy(null);
    root.dataset.phase = 'empty';
    say(state.lost.map((one) => one.message).join(' '));
  } else if (state.stopped) draw();
  else rankAll();
}

function rankAll() {
  state.stopped = false;
  state.run += 1;
  state.sent = [...state.photos.values()];
  state.gallery = popscore.gallery();
  root.dataset.phase = 'busy';
  busy(`Scoring ${count(state.photos.size, 'photo', 'photos')}`, 0);
  trigger('submit', {photos: state.sent, run: state.run});
  draw();
}

watch('value', () => {
  if (!props.value) return;
  const update = JSON.parse(props.value);
  if (update.run !== state.run) return; // of a run that was stopped, or overtaken
  if (update.phase === 'error') {
    busy(null);
    say(update.message);
    root.dataset.phase = state.results.length ? 'done' : 'empty';
    return;
  }
  state.gallery.take(update);
  state.results = state.gallery.ranked.map((result) => ({...result, id: state.sent[result.index].id}));
  if (state.model !== update.model) {
    state.model = update.model;
    views.forget();
  }
  if (state.stopped || update.phase === 'done') busy(null);
  else busy(`Scored ${update.done} of ${update.total}`, update.done / update.total);
  root.dataset.phase = state.stopped || update.phase === 'done' ? 'done' : 'busy';
  draw();
});

// --- grid --------------------------------------------------------------------------------------

const cards = popscore.cards({
  pictures,
  side: limits.small,
  decidedOf: (id) => state.decided.get(id),
  openOf: (group) => state.open.has(group),
  pickedOf: (id) => state.picked.includes(id),
});

// What the grid shows, in its order: the best of each group, and under it the rest if it is unfolded.
function listed() {
  const wanted = (result) => {
    const decided = state.decided.get(result.id);
    return state.show === 'all' || (state.show === 'kept' ? decided === 'keep' : decided !== 'reject');
  };
  if (state.show === 'kept') return state.results.filter(wanted);
  return [...scenesOf(state.results.filter(wanted))]
    .flatMap(([group, all]) => (state.open.has(group) ? all : all.slice(0, 1)));
}

// Results by their scene, best first. Whoever is left out leaves the lead to the next best.
function scenesOf(results) {
  const scenes = new Map();
  for (const result of results) scenes.set(result.group, [...(scenes.get(result.group) || []), result]);
  return scenes;
}

// The best of each scene that was not rejected.
const bestOfScenes = () => [...scenesOf(
  state.results.filter((result) => state.decided.get(result.id) !== 'reject')).values()].map(([best]) => best);

function draw() {
  const any = state.results.length > 0 || errors().length > 0 || (state.stopped && state.photos.size > 0);
  const sizes = new Map();
  for (const {group} of state.results) sizes.set(group, (sizes.get(group) || 0) + 1);
  find('.ps-head').hidden = !any;
  find('.ps-drop').classList.toggle('ps-small', any);
  const seen = new Set();
  find('.pr-grid').replaceChildren(...listed().map((result) => {
    const leads = state.show === 'kept' ? result.group_best : !seen.has(result.group);
    seen.add(result.group);
    return cards.card(result, sizes.get(result.group), leads);
  }));
  drawSummary();
  popscore.dots(find('.pr-chart'), state.results, (id) => state.decided.get(id));
  views.draw();
  const bar = find('.pr-compare-bar');
  bar.hidden = !state.picked.length || views.shown !== null;
  bar.querySelector('p').textContent = state.picked.length === 1
    ? 'Pick a second photo to compare: open it and press C.' : 'Two photos are picked.';
  bar.querySelector('[data-do=compare]').disabled = state.picked.length < 2;
}

function drawSummary() {
  const kept = [...state.decided.values()].filter((choice) => choice === 'keep').length;
  const failed = errors();
  const close = state.results.findIndex((result) => !result.too_close) + 1;
  const parts = [count(state.results.length, 'photo', 'photos'), count(state.gallery.scenes, 'scene', 'scenes')];
  if (failed.length) parts.push(`${failed.length} could not be read`);
  parts.push(`${kept} kept`);
  const left = state.stopped ? state.photos.size - state.results.length - failed.length : 0;
  if (left > 0) parts.push(`stopped: ${left} not scored`);
  find('[data-do=resume]').hidden = left <= 0;
  find('.ps-summary').textContent =
    parts.join(' · ') + (close > 1 ? `. The first ${close} are too close to call.` : '');
  for (const one of find('.pr-export').children) one.disabled = !state.results.length;
  find('.pr-export [data-do=zip]').disabled = !kept && !bestOfScenes().length;
  find('.pr-export [data-do=zip]').textContent = kept ? `Save ${kept} kept as ZIP` : 'Save the best 10 as ZIP';
  const list = find('.pr-failed');
  list.hidden = !failed.length;
  if (failed.length && !state.results.length) list.open = true;
  list.querySelector('summary').textContent = `${failed.length} could not be read`;
  list.querySelector('ul').replaceChildren(...failed.map((error) => make('li', '', error.message)));
  for (const one of find('.pr-show').querySelectorAll('[data-show]')) {
    one.setAttribute('aria-pressed', one.dataset.show === state.show);
  }
  const unfold = find('.pr-show [data-do=unfold]');
  unfold.hidden = !groups().size;
  unfold.setAttribute('aria-pressed', groups().size > 0 && [...groups()].every((group) => state.open.has(group)));
}

// Groups of more than one photo.
const groups = () => new Set(state.results.filter((result) => !result.group_best).map((result) => result.group));

// --- what a person does ------------------------------------------------------------------------

// Whether an answer of the server is one. If another model answers by now, all photos are scored again.
function answered(answer) {
  if (answer.message) say(answer.message);
  if (answer.stale) rankAll();
  return !answer.message;
}

const views = popscore.photoViews({
  find, limits, pictures, server, state, cards, byId, listed, draw, decide, answered,
});

function decide(id, choice) {
  if (state.decided.get(id) === choice) state.decided.delete(id);
  else state.decided.set(id, choice);
  draw();
}

async function save(kind) {
  const kept = state.results.filter((result) => state.decided.get(result.id) === 'keep');
  const chosen = kept.length ? kept : kind === 'zip' ? bestOfScenes().slice(0, 10) : state.results;
  say('');
  try {
    const saved = await server.save(state.model, kind, state.sent, chosen.map((result) => result.id));
    answered(saved);
    if (saved.file) popscore.save(saved.file, saved.name);
  } catch (error) {
    say('The file could not be made. Try again.');
  }
}

function clear() {
  cards.clear();
  pictures.clear();
  Object.assign(state, {
    photos: new Map(), sent: [], run: state.run + 1, gallery: popscore.gallery(), results: [], lost: [],
    decided: new Map(), open: new Set(), picked: [], show: 'all', stopped: false,
  });
  views.forget();
  root.dataset.phase = 'empty';
  busy(null);
  say('');
  draw();
}

function stop() {
  state.stopped = true;
  busy(null);
  root.dataset.phase = state.photos.size ? 'done' : 'empty';
  trigger('stop', {});
  draw();
}

function unfold() {
  const all = [...groups()].every((group) => state.open.has(group));
  state.open = all ? new Set() : groups();
  draw();
}

// The photo that a button or a key belongs to.
const idOf = (target) =>
  target.dataset.id || target.closest('.ps-card')?.dataset.id || (target.closest('.pr-large') ? views.shown : null);

views.keys(root);
act({
  stop, clear, unfold,
  choose: () => find('.ps-files').click(),
  folder: () => find('.pr-folder').click(),
  resume: rankAll,
  zip: () => save('zip'),
  csv: () => save('csv'),
  xmp: () => save('xmp'),
  filter: (pressedOne) => { state.show = pressedOne.dataset.show; draw(); },
  show: (one) => views.open(idOf(one)),
  group: (one) => {
    const {group} = byId(idOf(one));
    if (!state.open.delete(group)) state.open.add(group);
    draw();
  },
  keep: (one) => decide(idOf(one), 'keep'),
  reject: (one) => decide(idOf(one), 'reject'),
  back: () => views.step(-1),
  next: () => views.step(1),
  pick: (one) => views.pick(idOf(one)),
  compare: views.compare,
  unpick: () => { state.picked = []; draw(); },
  close: (one) => one.closest('dialog').close(),
});

for (const input of root.querySelectorAll('input[type=file]')) {
  input.addEventListener('change', () => {
    const files = [...input.files];
    input.value = '';
    bring(input.matches('.pr-folder') ? files.filter(popscore.mayBe('image')) : files);
  });
}
popscore.takeFiles({element: root, kind: 'image', take: bring, area: find('.ps-drop')});
draw();
