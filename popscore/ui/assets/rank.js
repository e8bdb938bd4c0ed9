// The Rank tab in the browser. `element`, `props`, `server`, `trigger`, `upload` and `watch` come from Gradio,
// `popscore` from assets/kit. The server owns scores, order and groups; this file asks for them, shows them, and
// remembers which photos were kept or rejected.

const {make, button, count, chip} = popscore;
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

const cards = new Map(); // id -> the card of a photo, kept between drawings so that pictures do not flash

function newCard(id) {
  const item = make('li', 'ps-card');
  item.dataset.id = id;
  const open = button('pr-photo', undefined, 'show');
  const image = make('img');
  image.alt = '';
  open.append(image, make('span', 'ps-rank'));
  const line = make('div', 'ps-line');
  line.append(make('span', 'ps-chip'));
  const decide = make('div', 'pr-decide');
  decide.append(button('', 'Keep', 'keep'), button('', 'Reject', 'reject'));
  item.append(open, button('pr-stack', undefined, 'group'), line, decide);
  pictures.fillLater(image, id, limits.small);
  cards.set(id, item);
  return item;
}

function pressed(within, id) {
  const decided = state.decided.get(id);
  for (const choice of ['keep', 'reject']) {
    within.querySelector(`.pr-decide [data-do=${choice}]`).setAttribute('aria-pressed', decided === choice);
  }
  return decided;
}

function card(result, sizes) {
  const item = cards.get(result.id) || newCard(result.id);
  item.querySelector('.ps-rank').textContent = result.rank;
  item.querySelector('.pr-photo').setAttribute(
    'aria-label', `Rank ${result.rank}: ${result.file}, ${result.score.toFixed(2)}, ${result.label}`);
  chip(result, item.querySelector('.ps-chip'));
  const stack = item.querySelector('.pr-stack');
  stack.hidden = sizes.get(result.group) < 2 || !result.group_best;
  stack.textContent = `best of ${sizes.get(result.group)}`;
  stack.setAttribute('aria-expanded', state.open.has(result.group));
  item.classList.toggle('pr-member', !result.group_best);
  item.classList.toggle('pr-picked', state.picked.includes(result.id));
  item.dataset.decided = pressed(item, result.id) || '';
  return item;
}

// What the grid shows, in its order: the best of each group, and under it the rest if it is unfolded.
function listed() {
  const wanted = (result) => {
    const decided = state.decided.get(result.id);
    return state.show === 'all' || (state.show === 'kept' ? decided === 'keep' : decided !== 'reject');
  };
  if (state.show === 'kept') return state.results.filter(wanted);
  const members = new Map();
  for (const result of state.results) members.set(result.group, [...(members.get(result.group) || []), result]);
  return [...members].flatMap(([group, all]) => (state.open.has(group) ? all : all.slice(0, 1))).filter(wanted);
}

function draw() {
  const any = state.results.length > 0 || errors().length > 0 || (state.stopped && state.photos.size > 0);
  const sizes = new Map();
  for (const {group} of state.results) sizes.set(group, (sizes.get(group) || 0) + 1);
  find('.ps-head').hidden = !any;
  find('.ps-drop').classList.toggle('ps-small', any);
  find('.pr-grid').replaceChildren(...listed().map((result) => card(result, sizes)));
  drawSummary();
  drawChart();
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

// Every score as a dot over the bands; dots that would cover each other are stacked.
function drawChart() {
  const scores = state.results.map((result) => result.score);
  const axis = popscore.axis(Math.min(-1, ...scores) - 0.2, Math.max(6.5, ...scores) + 0.2);
  const columns = new Map();
  const dots = state.results.map((result) => {
    const column = Math.round(axis.across(result.score) * 1.5);
    const height = columns.get(column) || 0;
    columns.set(column, height + 1);
    const dot = make('i', `pr-dot ${popscore.cssOf(result.label)}`);
    dot.style.left = `${axis.across(result.score)}%`;
    dot.style.bottom = `${4 + Math.min(height, 7) * 8}px`;
    dot.title = `${result.rank}. ${result.file} ${result.score.toFixed(2)}`;
    Object.assign(dot.dataset, {do: 'show', id: result.id, decided: state.decided.get(result.id) || ''});
    return dot;
  });
  const chart = find('.pr-chart');
  chart.setAttribute('aria-label', scores.length
    ? `All scores, from ${Math.min(...scores).toFixed(2)} to ${Math.max(...scores).toFixed(2)}` : 'No scores yet');
  chart.replaceChildren(...popscore.ground(axis), ...dots);
}

// --- what a person does ------------------------------------------------------------------------

// Whether an answer of the server is one. If another model answers by now, all photos are scored again.
function answered(answer) {
  if (answer.message) say(answer.message);
  if (answer.stale) rankAll();
  return !answer.message;
}

const views = popscore.photoViews({
  find, limits, pictures, server, state, byId, listed, draw, pressed, answered,
  focus: (id) => cards.get(id)?.querySelector('.pr-photo').focus(),
});

function decide(id, choice) {
  if (state.decided.get(id) === choice) state.decided.delete(id);
  else state.decided.set(id, choice);
  draw();
}

async function save(kind) {
  const kept = state.results.filter((result) => state.decided.get(result.id) === 'keep');
  const chosen = kept.length ? kept : kind === 'zip' ? state.results.slice(0, 10) : state.results;
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
  for (const item of cards.values()) item.remove();
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

// To the card beside it, in the grid.
function focusBeside(id, by) {
  const list = [...find('.pr-grid').children];
  list[list.findIndex((item) => item.dataset.id === id) + by]?.querySelector('.pr-photo').focus();
}

// On the document: in a large view the focus may lie on nothing.
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input, textarea, select')) return;
  if (!root.isConnected || !root.checkVisibility()) return;
  const large = views.shown;
  const id = large || event.target.closest('.ps-card')?.dataset.id;
  const key = event.key.toLowerCase();
  const by = {arrowright: 1, arrowleft: -1}[key];
  if (by && large) views.step(by);
  else if (by && id) focusBeside(id, by);
  else if (id && key === 'k') decide(id, 'keep');
  else if (id && key === 'x') decide(id, 'reject');
  else if (id && key === 'c') views.pick(id);
  else return;
  event.preventDefault();
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
