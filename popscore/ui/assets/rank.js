// The Rank tab in the browser. Gradio calls this once with `element`, `props`, `server`, `trigger`,
// `upload` and `watch`. The server owns scores, order and groups; this file only shows them, and
// remembers which photos were kept or rejected. Text from outside is set as text, never as HTML.

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

// --- photos in ---------------------------------------------------------------------------------

function say(message) {
  const line = find('.pr-message');
  line.textContent = message || '';
  line.hidden = !message;
}

function busy(words, share) {
  find('.pr-busy').hidden = words === null;
  if (words === null) return;
  find('.pr-doing').textContent = words;
  find('.pr-bar i').style.width = `${Math.round(100 * share)}%`;
}

async function bring(files) {
  files = files.filter((file) => !file.name.startsWith('.'));
  if (!files.length) return;
  const total = state.photos.size + files.length;
  if (total > limits.files) {
    say(`${total} photos are too many: the limit is ${limits.files}. Choose fewer at a time.`);
    return;
  }
  const tooLarge = files.filter((file) => file.size > limits.bytes);
  const queue = files.filter((file) => file.size <= limits.bytes);
  const refused = tooLarge.map((file) => ({
    file: file.name,
    message: `${file.name} is too large: the limit is ${limits.bytes / 1e6} MB. Save it smaller.`,
  }));
  say('');
  state.stopped = false;
  root.dataset.phase = 'busy';
  let done = 0;
  const failed = [];
  const all = queue.length;
  busy(`Uploading ${count(all, 'photo', 'photos')}`, 0);
  const carry = async () => {
    for (let file = queue.shift(); file && !state.stopped; file = queue.shift()) {
      try {
        const sent = await upload(file);
        state.photos.set(sent.path, {id: sent.path, name: file.name});
      } catch (error) {
        failed.push({file: file.name, message: `${file.name} did not arrive. Check the connection and add it again.`});
      }
      done += 1;
      busy(`Uploaded ${done} of ${all}`, done / all);
    }
  };
  await Promise.all([carry(), carry(), carry(), carry()]);
  state.lost = [...(state.lost || []), ...refused, ...failed];
  if (!state.photos.size) {
    busy(null);
    root.dataset.phase = 'empty';
    say(state.lost.map((one) => one.message).join(' '));
    return;
  }
  busy(`Scoring ${count(state.photos.size, 'photo', 'photos')}`, 0);
  trigger('submit', {photos: [...state.photos.values()]});
}

async function dropped(event) {
  event.preventDefault();
  find('.pr-drop').classList.remove('pr-over');
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return bring([...event.dataTransfer.files]);
  const files = [];
  const walk = async (entry) => {
    if (entry.isFile) files.push(await new Promise((done, fail) => entry.file(done, fail)));
    if (!entry.isDirectory) return;
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (!some.length) break;
      for (const inner of some) await walk(inner);
    }
  };
  for (const entry of entries) await walk(entry);
  return bring(files.filter((file) => !file.type || file.type.startsWith('image/')));
}

// --- answers in --------------------------------------------------------------------------------

watch('value', () => {
  const answer = props.value;
  if (!answer || !answer.phase) return;
  if (answer.phase === 'error') {
    busy(null);
    say(answer.message);
    root.dataset.phase = state.results.length ? 'done' : 'empty';
    return;
  }
  state.results = answer.results;
  state.errors = [...answer.errors, ...(state.lost || [])];
  state.scenes = answer.scenes;
  state.words = answer.words;
  if (answer.phase === 'scoring') busy(`Scored ${answer.done} of ${answer.total}`, answer.done / answer.total);
  else busy(null);
  root.dataset.phase = answer.phase === 'done' ? 'done' : 'busy';
  draw();
});

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
  const any = state.results.length > 0 || (state.errors || []).length > 0;
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
  let text = parts.join(' · ');
  if (close > 1) text += `. The first ${close} are too close to call.`;
  find('.pr-summary').textContent = text;
  for (const button of find('.pr-export').children) button.disabled = !state.results.length;
  find('.pr-export [data-do=zip]').textContent = kept ? `Save ${kept} kept as ZIP` : 'Save the best 10 as ZIP';
  const failed = find('.pr-failed');
  failed.hidden = !errors.length;
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

function openLarge(id) {
  state.large = id;
  const dialog = find('.pr-large');
  if (!dialog.open) dialog.showModal();
  draw();
  const list = listed();
  const next = list[list.findIndex((result) => result.id === id) + 1];
  if (next) preview(next.id, limits.large); // so that the arrow key does not wait
}

function step(by) {
  const list = listed();
  const at = list.findIndex((result) => result.id === state.large);
  const to = list[at < 0 ? 0 : at + by];
  if (to) openLarge(to.id);
}

function decide(id, choice) {
  if (state.decided.get(id) === choice) state.decided.delete(id);
  else state.decided.set(id, choice);
  draw();
}

function pick(id) {
  state.picked = state.picked.includes(id) ? state.picked.filter((one) => one !== id) : [...state.picked, id].slice(-2);
  if (state.picked.length === 2) compare();
  else if (state.picked.length === 1) find('.pr-large').close();
  draw();
}

async function compare() {
  const pair = state.picked.map(byId);
  if (pair.length < 2 || pair.some((result) => !result)) return;
  find('.pr-large').close();
  const dialog = find('.pr-versus');
  dialog.querySelector('.pr-pair').replaceChildren(...pair.map((result) => {
    const figure = make('figure');
    const words = make('figcaption');
    const chip = make('span', `ps-chip ps-${result.label.toLowerCase()}`);
    chip.append(make('i'), make('b', '', `${result.score.toFixed(2)} ${result.label}`));
    words.append(make('span', '', `${result.rank}. ${result.file}`), chip);
    figure.append(picture(result.id, result.file), words);
    return figure;
  }));
  dialog.querySelector('.pr-verdict').textContent = '';
  if (!dialog.open) dialog.showModal();
  const verdict = await server.verdict(pair[0].file, pair[0].score, pair[1].file, pair[1].score);
  dialog.querySelector('.pr-verdict').textContent = verdict;
}

async function save(kind) {
  const kept = state.results.filter((result) => state.decided.get(result.id) === 'keep');
  const chosen = kept.length ? kept : kind === 'zip' ? state.results.slice(0, 10) : state.results;
  say('');
  try {
    const saved = await server.save(kind, [...state.photos.values()], chosen.map((result) => result.id));
    if (saved.message) say(saved.message);
    if (!saved.file) return;
    const link = make('a');
    link.href = `${props.root_address || ''}gradio_api/file=${saved.file.split('/').map(encodeURIComponent).join('/')}`;
    link.download = saved.name;
    root.append(link);
    link.click();
    link.remove();
  } catch (error) {
    say('The file could not be made. Try again.');
  }
}

function clear() {
  for (const item of cards.values()) item.remove();
  cards.clear();
  previews.clear();
  Object.assign(state, {
    photos: new Map(), results: [], errors: [], lost: [], decided: new Map(), open: new Set(), picked: [], large: null,
    show: 'all', scenes: 0,
  });
  root.dataset.phase = 'empty';
  say('');
  draw();
}

// --- hands -----------------------------------------------------------------------------------------

const actions = {
  choose: () => find('.pr-files').click(),
  folder: () => find('.pr-folder').click(),
  stop: () => { state.stopped = true; busy(null); root.dataset.phase = 'done'; trigger('stop', {}); },
  clear,
  zip: () => save('zip'),
  csv: () => save('csv'),
  xmp: () => save('xmp'),
  open: (id) => openLarge(id),
  show: (id) => openLarge(id),
  group: (id) => {
    const {group} = byId(id);
    if (!state.open.delete(group)) state.open.add(group);
    draw();
  },
  unfold: () => {
    const groups = state.results.filter((result) => !result.group_best).map((result) => result.group);
    const all = groups.every((group) => state.open.has(group));
    state.open = new Set(all ? [] : groups);
    draw();
  },
  keep: (id) => decide(id, 'keep'),
  reject: (id) => decide(id, 'reject'),
  back: () => step(-1),
  next: () => step(1),
  pick: (id) => pick(id),
  compare,
  unpick: () => { state.picked = []; draw(); },
  close: (_, button) => button.closest('dialog').close(),
};

root.addEventListener('click', (event) => {
  const button = event.target.closest('[data-do], [data-show], .pr-dot');
  if (!button || button.disabled) return;
  const id = button.dataset.id || button.closest('.pr-card')?.dataset.id || (button.closest('.pr-large') ? state.large : null);
  if (button.dataset.show) { state.show = button.dataset.show; draw(); }
  else if (button.classList.contains('pr-dot')) openLarge(button.dataset.id);
  else actions[button.dataset.do]?.(id, button);
});

// On the document: in a large view the focus may lie on nothing.
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input, textarea, select')) return;
  if (!root.isConnected || !root.checkVisibility()) return;
  const large = find('.pr-large').open;
  const id = large ? state.large : event.target.closest('.pr-card')?.dataset.id;
  const key = event.key.toLowerCase();
  if (large && key === 'arrowright') step(1);
  else if (large && key === 'arrowleft') step(-1);
  else if (!large && id && (key === 'arrowright' || key === 'arrowleft')) {
    const list = [...find('.pr-grid').children];
    const to = list[list.findIndex((item) => item.dataset.id === id) + (key === 'arrowright' ? 1 : -1)];
    to?.querySelector('.pr-photo').focus();
  } else if (id && key === 'k') decide(id, 'keep');
  else if (id && key === 'x') decide(id, 'reject');
  else if (id && key === 'c') pick(id);
  else return;
  event.preventDefault();
});

for (const dialog of root.querySelectorAll('dialog')) {
  dialog.addEventListener('close', () => {
    if (dialog.open) return; // the event comes late: the view is open again, with another photo
    if (dialog.matches('.pr-large')) {
      cards.get(state.large)?.querySelector('.pr-photo').focus();
      state.large = null;
    } else state.picked = [];
    draw();
  });
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
}

for (const input of root.querySelectorAll('input[type=file]')) {
  input.addEventListener('change', () => {
    const files = [...input.files];
    input.value = '';
    bring(input.matches('.pr-folder') ? files.filter((file) => !file.type || file.type.startsWith('image/')) : files);
  });
}
document.addEventListener('paste', (event) => {
  const files = [...(event.clipboardData?.files || [])].filter((file) => file.type.startsWith('image/'));
  if (!files.length || !root.isConnected || !root.checkVisibility()) return;
  event.preventDefault();
  bring(files);
});
root.addEventListener('dragover', (event) => { event.preventDefault(); find('.pr-drop').classList.add('pr-over'); });
root.addEventListener('dragleave', () => find('.pr-drop').classList.remove('pr-over'));
root.addEventListener('drop', dropped);
draw();
