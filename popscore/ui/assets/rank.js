// What the Rank tab does. Runs after rank_views.js, in the same scope; `trigger`, `upload` and `watch` come
// from Gradio too. The server owns scores, order and groups; this file only asks for them, and remembers
// which photos were kept or rejected.

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
  if (state.stopped) draw();
  else rankAll();
}

function rankAll() {
  state.stopped = false;
  root.dataset.phase = 'busy';
  busy(`Scoring ${count(state.photos.size, 'photo', 'photos')}`, 0);
  trigger('submit', {photos: [...state.photos.values()]});
  draw();
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
  if (state.stopped) busy(null); // an answer that was on its way when it was stopped
  else if (answer.phase === 'scoring') busy(`Scored ${answer.done} of ${answer.total}`, answer.done / answer.total);
  else busy(null);
  root.dataset.phase = answer.phase === 'done' || state.stopped ? 'done' : 'busy';
  draw();
});

// --- large view, comparison, files out -----------------------------------------------------------

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
  stop: () => {
    state.stopped = true;
    busy(null);
    root.dataset.phase = state.photos.size ? 'done' : 'empty';
    trigger('stop', {});
    draw();
  },
  resume: () => rankAll(),
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
