// What the Rank tab shows. Runs before rank.js, in the same scope, with `element`, `props` and `server`
// from Gradio. Text from outside is set as text, never as HTML.

const root = element.querySelector('.pr');
const find = (selector) => root.querySelector(selector);
const limits = props.limits;

const state = {
  photos: new Map(), // id -> {id, name}: what was uploaded, by its address on the server
  results: [], // ranked, best first, as the server says
  decided: new Map(), // id -> 'keep' | 'reject'
  open: new Set(), // groups that are unfolded
  picked: [], // ids to compare, at most two
  large: null, // id of the photo in the large view
  show: 'all',
  stopped: false,
};

const make = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
const byId = (id) => state.results.find((result) => result.id === id);

// --- grid --------------------------------------------------------------------------------------

const previews = new Map(); // id -> promise of a data address
let waiting = [];
let running = 0;

// Few at a time, and those asked for last first: they are the ones on the screen now.
function preview(id, side) {
  const key = `${side} ${id}`;
  if (!previews.has(key)) {
    previews.set(key, new Promise((resolve) => waiting.push({id, side, resolve})));
    pump();
  }
  return previews.get(key);
}

function pump() {
  while (running < 3 && waiting.length) {
    const {id, side, resolve} = waiting.pop();
    running += 1;
    server.preview(id, side).catch(() => null).then((address) => {
      running -= 1;
      resolve(address);
      pump();
    });
  }
}

async function fill(image, id, side) {
  const address = await preview(id, side);
  if (address && image.dataset.id === id) image.src = address;
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    fill(entry.target, entry.target.dataset.id, limits.small);
  }
}, {rootMargin: '400px'});

const cards = new Map(); // id -> the card of a photo, kept between drawings so that pictures do not flash

function card(result) {
  let item = cards.get(result.id);
  if (!item) {
    item = make('li', 'pr-card');
    item.dataset.id = result.id;
    const open = make('button', 'pr-photo');
    open.type = 'button';
    open.dataset.do = 'open';
    const image = make('img');
    image.alt = '';
    image.dataset.id = result.id;
    open.append(image, make('span', 'pr-rank'));
    const line = make('div', 'pr-line');
    const chip = make('span', 'ps-chip');
    chip.append(make('i'), make('b'));
    line.append(chip);
    const stack = make('button', 'pr-stack');
    stack.type = 'button';
    stack.dataset.do = 'group';
    const decide = make('div', 'pr-decide');
    for (const [choice, words] of [['keep', 'Keep'], ['reject', 'Reject']]) {
      const button = make('button', '', words);
      button.type = 'button';
      button.dataset.do = choice;
      decide.append(button);
    }
    item.append(open, stack, line, decide);
    cards.set(result.id, item);
    seen.observe(image);
  }
  const label = result.label.toLowerCase();
  item.querySelector('.pr-rank').textContent = result.rank;
  item.querySelector('.pr-photo').setAttribute(
    'aria-label', `Rank ${result.rank}: ${result.file}, ${result.score.toFixed(2)}, ${result.label}`);
  item.querySelector('.ps-chip').className = `ps-chip ps-${label}`;
  item.querySelector('.ps-chip b').textContent = `${result.score.toFixed(2)} ${result.label}`;
  const others = state.results.filter((other) => other.group === result.group).length;
  const stack = item.querySelector('.pr-stack');
  stack.hidden = others < 2 || !result.group_best;
  stack.textContent = `best of ${others}`;
  stack.setAttribute('aria-expanded', state.open.has(result.group));
  item.classList.toggle('pr-member', !result.group_best);
  item.classList.toggle('pr-picked', state.picked.includes(result.id));
  const decided = state.decided.get(result.id);
  item.dataset.decided = decided || '';
  for (const choice of ['keep', 'reject']) {
    item.querySelector(`.pr-decide [data-do=${choice}]`).setAttribute('aria-pressed', decided === choice);
  }
  return item;
}

// What the grid shows, in its order: the best of each group, and under it the rest if it is unfolded.
function listed() {
  const wanted = (result) => {
    const decided = state.decided.get(result.id);
    return state.show === 'all' || (state.show === 'kept' ? decided === 'keep' : decided !== 'reject');
  };
  if (state.show === 'kept') return state.results.filter(wanted);
  const list = [];
  for (const result of state.results) {
    if (!result.group_best) continue;
    const group = state.results.filter((other) => other.group === result.group);
    list.push(...(state.open.has(result.group) ? group : [result]));
  }
  return list.filter(wanted);
}

function draw() {
  const any = state.results.length > 0 || (state.errors || []).length > 0 || (state.stopped && state.photos.size > 0);
  find('.pr-head').hidden = !any;
  find('.pr-drop').classList.toggle('pr-small', any);
  find('.pr-grid').replaceChildren(...listed().map(card));
  drawSummary();
  drawChart();
  if (state.large) drawLarge();
  const bar = find('.pr-compare-bar');
  bar.hidden = !state.picked.length || find('.pr-large').open;
  bar.querySelector('p').textContent = state.picked.length === 1
    ? 'Pick a second photo to compare: open it and press C.' : 'Two photos are picked.';
  bar.querySelector('[data-do=compare]').disabled = state.picked.length < 2;
}

function drawSummary() {
  const kept = [...state.decided.values()].filter((choice) => choice === 'keep').length;
  const errors = state.errors || [];
  const close = state.results.findIndex((result) => !result.too_close) + 1;
  const parts = [count(state.results.length, 'photo', 'photos'), count(state.scenes || 0, 'scene', 'scenes')];
  if (errors.length) parts.push(`${errors.length} could not be read`);
  parts.push(`${kept} kept`);
  const left = state.stopped ? state.photos.size - state.results.length - errors.length : 0;
  if (left > 0) parts.push(`stopped: ${left} not scored`);
  find('[data-do=resume]').hidden = left <= 0;
  let text = parts.join(' · ');
  if (close > 1) text += `. The first ${close} are too close to call.`;
  find('.pr-summary').textContent = text;
  for (const button of find('.pr-export').children) button.disabled = !state.results.length;
  find('.pr-export [data-do=zip]').textContent = kept ? `Save ${kept} kept as ZIP` : 'Save the best 10 as ZIP';
  const failed = find('.pr-failed');
  failed.hidden = !errors.length;
  if (errors.length && !state.results.length) failed.open = true;
  failed.querySelector('summary').textContent = `${errors.length} could not be read`;
  failed.querySelector('ul').replaceChildren(...errors.map((error) => make('li', '', error.message)));
  for (const button of find('.pr-show').querySelectorAll('[data-show]')) {
    button.setAttribute('aria-pressed', button.dataset.show === state.show);
  }
  const groups = new Set(state.results.filter((result) => !result.group_best).map((result) => result.group));
  const unfold = find('.pr-show [data-do=unfold]');
  unfold.hidden = !groups.size;
  unfold.setAttribute('aria-pressed', groups.size > 0 && [...groups].every((group) => state.open.has(group)));
}

// --- chart: every score as a dot over the bands ----------------------------------------------------

function drawChart() {
  const chart = find('.pr-chart');
  const scores = state.results.map((result) => result.score);
  const low = Math.min(-1, ...scores) - 0.2;
  const high = Math.max(6.5, ...scores) + 0.2;
  const across = (score) => (100 * (score - low)) / (high - low);
  const parts = [];
  let upper = high;
  for (const band of props.bands) {
    const lower = Math.max(low, band.from === null ? low : band.from);
    const part = make('span', `pr-band ps-${band.label.toLowerCase()}`, band.label);
    part.style.left = `${across(lower)}%`;
    part.style.width = `${across(upper) - across(lower)}%`;
    parts.push(part);
    upper = lower;
  }
  // Dots that would cover each other are stacked.
  const columns = new Map();
  for (const result of state.results) {
    const column = Math.round(across(result.score) * 1.5);
    const height = columns.get(column) || 0;
    columns.set(column, height + 1);
    const dot = make('i', `pr-dot ps-${result.label.toLowerCase()}`);
    dot.style.left = `${across(result.score)}%`;
    dot.style.bottom = `${4 + Math.min(height, 7) * 8}px`;
    dot.title = `${result.rank}. ${result.file} ${result.score.toFixed(2)}`;
    dot.dataset.id = result.id;
    dot.dataset.decided = state.decided.get(result.id) || '';
    parts.push(dot);
  }
  chart.setAttribute('aria-label', scores.length
    ? `All scores, from ${Math.min(...scores).toFixed(2)} to ${Math.max(...scores).toFixed(2)}` : 'No scores yet');
  chart.replaceChildren(...parts);
}

// --- large view and comparison -----------------------------------------------------------------

function picture(id, name) {
  const image = make('img');
  image.dataset.id = id;
  image.alt = name;
  const small = previews.get(`${limits.small} ${id}`);
  if (small) small.then((address) => { if (address && !image.src) image.src = address; });
  fill(image, id, limits.large);
  return image;
}

function drawLarge() {
  const result = byId(state.large);
  if (!result) return;
  const dialog = find('.pr-large');
  const stage = dialog.querySelector('.pr-stage');
  if (stage.firstChild?.dataset.id !== result.id) stage.replaceChildren(picture(result.id, result.file));
  const scored = state.results.length;
  dialog.querySelector('.pr-place').textContent = `${result.rank} of ${scored}`;
  dialog.querySelector('.pr-name').textContent = `${result.file}, ${result.width} x ${result.height}`;
  dialog.querySelector('.ps-number').textContent = result.score.toFixed(2);
  dialog.querySelector('.ps-chip').className = `ps-chip ps-${result.label.toLowerCase()}`;
  dialog.querySelector('.ps-chip b').textContent = result.label;
  dialog.querySelector('.pr-words').textContent =
    result.words + (result.too_close ? ' Too close to call against the next one.' : '');
  const decided = state.decided.get(result.id);
  for (const choice of ['keep', 'reject']) {
    dialog.querySelector(`.pr-decide [data-do=${choice}]`).setAttribute('aria-pressed', decided === choice);
  }
  const others = state.results.filter((other) => other.group === result.group && other.id !== result.id);
  dialog.querySelector('.pr-others').hidden = !others.length;
  dialog.querySelector('.pr-others div').replaceChildren(...others.map((other) => {
    const button = make('button');
    button.type = 'button';
    button.dataset.do = 'show';
    button.dataset.id = other.id;
    button.setAttribute('aria-label', `Rank ${other.rank}: ${other.file}`);
    const image = make('img');
    image.alt = '';
    image.dataset.id = other.id;
    fill(image, other.id, limits.small);
    button.append(image, make('span', '', other.score.toFixed(2)));
    return button;
  }));
}
