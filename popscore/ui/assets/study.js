// The Study tab in the browser. `element` and `server` come from Gradio, `popscore` from assets/kit. The page keeps its
// session and the answers that have not arrived in the browser, so that a reload or a lost connection loses neither.

const {make} = popscore;
const root = element.querySelector('.st');
const {find, say, act} = popscore.page(root);
const stage = find('.st-stage');
const sides = {left: stage.querySelector('[data-side=left]'), right: stage.querySelector('[data-side=right]')};
const dialog = find('.st-sure');
const KEPT = 'popscore study';
const PATIENCE = 20000; // milliseconds, for an answer of the server
const PICTURES = 120000; // the same for two pictures, 100 kB each, over the slowest of connections
const NEAR = 6; // pairs that are kept on both sides of the one in sight, of a quarter of a megabyte each
const PAUSES = [1000, 2000, 4000, 8000, 15000];
const SEEN = 160; // milliseconds for which one sees what one chose
// `pairs` has a promise for each place that was asked for; `shown` is the pair in sight, `waiting` answers on their way.
const state = {
  session: null, total: 0, training: 0, place: 0, shown: null, since: 0, waiting: [], pairs: new Map(), answered: 0, until: 0, ends: null, run: 0,
};

// --- what is kept in the browser -------------------------------------------------------------------

function keep() {
  const {session, place, waiting} = state;
  try {
    if (session) localStorage.setItem(KEPT, JSON.stringify({session, place, waiting}));
    else localStorage.removeItem(KEPT);
  } catch { /* a private window: a reload begins anew */ }
}

function kept() {
  try { return JSON.parse(localStorage.getItem(KEPT)); } catch { return null; }
}

// --- what is asked of the server -------------------------------------------------------------------

const pause = (time) => new Promise((done) => setTimeout(done, time));
// The browser says when the connection is back; then nobody waits for the next try.
const back = () => new Promise((done) => addEventListener('online', done, {once: true}));

// What the server answers; null where nothing comes. Gradio's functions end with nothing when the connection is lost.
const once = (asked, patience) => Promise.race([asked.catch(() => null), pause(patience)]).then((answer) => answer || null);

// Asks until there is an answer that is one. `still` says whether anybody waits for it.
async function ask(name, sent, still = () => true) {
  for (let tries = 0; still(); tries += 1) {
    const answer = await once(sent ? server[name](sent) : server[name](), name === 'pair' ? PICTURES : PATIENCE);
    if (answer && (!answer.message || answer.ended || answer.unknown || answer.refused)) {
      if (tries) say('');
      return answer;
    }
    say(answer?.message || 'The connection is lost. It goes on by itself as soon as it is back.', !answer);
    await Promise.race([pause(PAUSES[Math.min(tries, PAUSES.length - 1)]), back()]);
  }
  return null;
}

function told(session) {
  Object.assign(state, {session: session.session, total: session.total, training: session.training});
  clearTimeout(state.ends);
  state.ends = setTimeout(finish, 1000 * session.left_s);
  state.until = Date.now() + 1000 * session.left_s;
}

// --- from pair to pair -------------------------------------------------------------------------------

async function start() {
  const before = kept();
  if (!before?.session) return welcome();
  Object.assign(state, {session: before.session, waiting: before.waiting || []});
  let answer = await ask('state', {session: before.session});
  if (!answer.unknown && state.waiting.length) {
    await send();
    answer = await ask('state', {session: before.session});
  }
  if (answer.unknown) return leave();
  told(answer);
  state.answered = answer.answered;
  if (answer.ended) return finish();
  if (root.dataset.phase === 'wait') go(Math.min(before.place ?? answer.next, answer.next, answer.total - 1));
}

async function welcome() {
  const about = await ask('about');
  const practice = about.training ? `You see two pictures at a time. The first ${about.training} pairs are for practice, and you are told which picture got more likes.` : 'You see two pictures at a time.';
  find('.st-how').textContent = `${practice} ${popscore.count(about.pairs, 'pair follows', 'pairs follow')}. It takes half an hour at most.`;
  show('welcome');
}

async function begin(pressed) {
  pressed.disabled = true;
  const session = await ask('begin');
  pressed.disabled = false;
  pressed.focus({preventScroll: true}); // which a button that is disabled loses
  told(session);
  Object.assign(state, {waiting: [], answered: 0});
  go(0);
}

// Asks for a pair and has its pictures ready; `load` again is the same promise.
function load(place) {
  const {run} = state;
  if (!state.pairs.has(place)) state.pairs.set(place, brought(place, run));
  return state.pairs.get(place);
}

async function brought(place, run) {
  const pair = await ask('pair', {session: state.session, place}, () => run === state.run);
  if (!pair || pair.ended || pair.unknown) return pair;
  if (pair.refused || pair.none) {
    state.pairs.delete(place);
    if (pair.none && run === state.run) told(pair.state);
    return pair;
  }
  told(pair.state);
  const waiting = state.waiting.find((one) => one.place === place);
  if (waiting) pair.chosen = waiting.side;
  pair.images = await Promise.all(['left', 'right'].map(async (side) => {
    const image = make('img');
    image.alt = '';
    if (!pair[side]) return image;
    image.src = pair[side];
    await image.decode().catch(() => {});
    return image;
  }));
  return pair;
}

async function go(place) {
  const {run} = state;
  state.place = place;
  for (const known of state.pairs.keys()) if (Math.abs(known - place) > NEAR) state.pairs.delete(known);
  keep();
  show('pair');
  const slow = setTimeout(() => { if (state.place === place) wait('The pictures are on their way.'); }, 150);
  const pair = await load(place);
  clearTimeout(slow);
  if (run !== state.run || state.place !== place || !pair) return;
  if (pair.ended) return finish();
  if (pair.unknown) return leave();
  if (pair.none) return state.total ? go(Math.max(0, state.total - 1)) : finish();
  if (pair.refused) { // an answer before it has not arrived, or its pair was left out
    wait('Your answers are on their way.');
    await send();
    const now = await ask('state', {session: state.session}, () => run === state.run);
    if (!now || state.place !== place) return;
    if (now.unknown) return leave();
    await pause(300);
    for (const known of state.pairs.keys()) if (known >= now.next) state.pairs.delete(known);
    return go(Math.min(place, now.next));
  }
  draw(pair);
  ahead();
}

// The next pair, so that it is there in time. The server gives one ahead, once the answers before have arrived.
async function ahead() {
  const next = state.place + 1;
  if (next < state.total && !state.waiting.length) await load(next);
}

// --- answers ------------------------------------------------------------------------------------------

function choose(side) {
  const {shown} = state;
  if (root.dataset.phase !== 'pair' || !shown || shown.place !== state.place || stage.getAttribute('aria-busy') === 'true') return;
  if (shown.chosen === side || (shown.training && shown.chosen) || !shown.left || !shown.right) return;
  const first = !shown.chosen;
  shown.chosen = side;
  state.waiting = state.waiting.filter((one) => one.place !== shown.place);
  state.answered = Math.max(state.answered, shown.place + 1);
  state.waiting.push({place: shown.place, side, seconds: (performance.now() - state.since) / 1000});
  keep();
  draw(shown);
  send().then(ahead);
  if (first && !shown.training && shown.place + 1 < state.total) {
    setTimeout(() => { if (state.shown === shown && state.place === shown.place) go(shown.place + 1); }, SEEN);
  }
}

let sending = null;

// Sends what waits, one after the other. An answer is let go only when the server says that it is kept.
function send() {
  let over = false;
  sending ??= (async () => {
    const {run} = state;
    while (state.waiting.length && run === state.run) {
      const answer = state.waiting[0];
      const kept = await ask('answer', {session: state.session, ...answer}, () => run === state.run);
      if (!kept || run !== state.run) break;
      state.waiting = state.waiting.filter((one) => one !== answer);
      keep();
      const pair = await state.pairs.get(answer.place);
      if (pair && kept.liked_more) {
        pair.liked_more = kept.liked_more;
        if (state.shown === pair) draw(pair);
      }
      if (kept.state) told(kept.state);
      if (kept.refused) state.pairs.delete(answer.place); // it is asked anew
      if (kept.ended || kept.unknown) over = true;
    }
  })().finally(() => {
    sending = null;
    if (over && root.dataset.phase === 'pair') finish();
  });
  return sending;
}

// --- what is shown -------------------------------------------------------------------------------------

function show(phase) {
  if (root.dataset.phase === phase) return;
  root.dataset.phase = phase;
  // On a phone the pictures need the whole screen.
  if (phase === 'pair' && matchMedia('(max-width: 760px), (max-height: 560px)').matches) root.scrollIntoView({block: 'start'});
  if (phase === 'pair' && root.contains(document.activeElement)) find('.st-ask').focus({preventScroll: true});
}

function wait(words) {
  stage.setAttribute('aria-busy', 'true');
  find('.st-waiting').textContent = words;
  find('.st-waiting').hidden = false;
  find('.st-told').textContent = words;
  find('[data-do=next]').disabled = true;
}

const last = () => state.place + 1 >= state.total;
const names = () => (stage.classList.contains('st-stacked') ? {left: 'upper', right: 'lower'} : {left: 'left', right: 'right'});

function draw(pair) {
  const fresh = state.shown !== pair;
  state.shown = pair;
  stage.setAttribute('aria-busy', 'false');
  find('.st-waiting').hidden = true;
  if (fresh) {
    Object.values(sides).forEach((side, at) => side.querySelector('.st-picture').replaceChildren(pair.images[at]));
    state.since = performance.now();
    lay();
  }
  const known = pair.training && pair.liked_more;
  for (const [name, side] of Object.entries(sides)) {
    side.setAttribute('aria-pressed', pair.chosen === name);
    side.setAttribute('aria-disabled', Boolean(pair.training && pair.chosen));
    side.querySelector('.st-mark').textContent = [
      pair.chosen === name ? 'Your choice' : '', known === name ? 'More likes' : '',
    ].filter(Boolean).join(' · ');
  }
  find('.st-told').textContent = words(pair, fresh);
  const next = find('[data-do=next]');
  next.textContent = last() ? 'Finish' : 'Next';
  next.disabled = !pair.chosen || (pair.training && !known);
  find('[data-do=previous]').disabled = state.place === 0;
  if (known && document.activeElement?.closest('.st-stage')) next.focus({preventScroll: true});
  count(pair);
}

function words(pair, fresh) {
  if (!pair.left || !pair.right) return 'A picture of this pair is gone by now. Your answer is kept.';
  const place = names();
  if (pair.training && pair.chosen) {
    if (!pair.liked_more) return 'Your answer is on its way.';
    return pair.chosen === pair.liked_more ? `Yes, the ${place[pair.liked_more]} picture got more likes.` : `No, the ${place[pair.liked_more]} picture got more likes.`;
  }
  if (pair.chosen) return last() ? 'That was the last pair.' : `You chose the ${place[pair.chosen]} picture.`;
  if (fresh && pair.place === state.training && state.training) return 'The practice is over. From here on you are not told.';
  return '';
}

function count(pair) {
  const practice = pair.place < state.training;
  const [at, of] = practice ? [pair.place + 1, state.training] : [pair.place + 1 - state.training, state.total - state.training];
  find('.st-where').textContent = `${practice ? 'Practice ' : ''}${at} of ${of}`;
  const minutes = Math.ceil((state.until - Date.now()) / 60000);
  find('.st-time').textContent = minutes <= 5 ? `${popscore.count(Math.max(minutes, 1), 'minute', 'minutes')} left` : '';
  const bar = find('.st-head .ps-bar');
  bar.setAttribute('aria-valuemax', state.total);
  bar.setAttribute('aria-valuenow', pair.place);
  bar.querySelector('i').style.width = `${(100 * pair.place) / Math.max(1, state.total)}%`;
  for (const [side, name] of Object.entries(names())) {
    sides[side].setAttribute('aria-label', `The ${name} picture, ${practice ? 'practice pair' : 'pair'} ${at} of ${of}`);
  }
}

// On a phone held upright the pictures lie above each other if that shows more of them.
function lay() {
  const images = state.shown?.images;
  if (!images) return;
  const [width, height] = [stage.clientWidth, stage.clientHeight];
  const fit = (image, across, down) => {
    const shape = (image.naturalWidth || 1) / (image.naturalHeight || 1);
    return Math.min(across, down * shape) ** 2 / shape;
  };
  const area = (across, down) => images.reduce((sum, image) => sum + fit(image, across, down), 0);
  const upright = innerHeight > innerWidth;
  const before = stage.classList.contains('st-stacked');
  stage.classList.toggle('st-stacked', upright && area(width, height / 2 - 32) > area(width / 2 - 4, height - 24));
  if (before !== stage.classList.contains('st-stacked') && state.shown.place === state.place) {
    find('.st-told').textContent = words(state.shown, false);
    count(state.shown);
  }
}

new ResizeObserver(lay).observe(stage);

// --- the end ---------------------------------------------------------------------------------------------

async function finish() {
  clearTimeout(state.ends);
  const {run, session} = state;
  if (!session || root.dataset.phase === 'end') return;
  if (dialog.open) dialog.close();
  if (root.dataset.phase === 'pair') wait('Your answers are being counted.');
  await send();
  const outcome = await ask('finish', {session}, () => run === state.run);
  if (!outcome || run !== state.run) return;
  if (outcome.unknown) return leave();
  say('');
  end(outcome);
  if (!outcome.pairs) return;
  const model = await ask('model', {session}, () => run === state.run);
  if (model && run === state.run) find('.st-bars').children[1].replaceWith(bar(...modelBar(model, outcome)));
}

const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;

function bar(name, share, figure, own = false) {
  const item = make('li', own ? 'st-own' : '');
  const ground = make('div', 'ps-bar');
  const length = make('i');
  length.style.width = `${100 * (share || 0)}%`;
  ground.append(length);
  item.append(make('span', '', name), make('b', '', figure), ground);
  return item;
}

function modelBar(model, {pairs}) {
  if (model.accuracy === null || model.accuracy === undefined) return ['The model of this app', 0, model.message ? 'no model' : 'no scores'];
  const on = model.pairs === pairs ? 'on the same pairs' : `on ${model.pairs} of these pairs`;
  return [`The model of this app, ${on}`, model.accuracy, percent(model.accuracy)];
}

function end(outcome) {
  const {right, pairs, accuracy, interval, people, training} = outcome;
  find('.st-result').textContent = pairs
    ? `You chose the picture with more likes in ${right} of ${popscore.count(pairs, 'pair', 'pairs')}.`
    : 'The session ended before the first pair after the practice.';
  const notes = [
    outcome.by_time ? 'Half an hour is over.' : '',
    pairs && interval[1] - interval[0] > 0.2 ? `With ${popscore.count(pairs, 'pair', 'pairs')} this is rough: anything from ${percent(interval[0])} to ${percent(interval[1])} would fit.` : '',
    training.pairs ? `Practice is not counted: there it was ${training.right} of ${training.pairs}.` : '',
  ];
  find('.st-note').textContent = notes.filter(Boolean).join(' ');
  const theirs = people.map((one) => bar(one.name.replace(/^./, (first) => first.toUpperCase()), one.accuracy, percent(one.accuracy, 1)));
  find('.st-bars').replaceChildren(...(pairs ? [bar('You', accuracy, percent(accuracy), true), bar('The model of this app', 0, 'counting'), ...theirs] : []));
  find('.st-source').textContent = pairs ? `The last two are people in a study of ${people[0].source}, on ${people[0].on.replace('these pairs', 'their own pairs, of Instagram')}. The line in the middle is guessing.` : '';
  show('end');
  find('.st-result').focus({preventScroll: true});
}

// Forgets the session in this browser; the server keeps its answers.
function leave() {
  clearTimeout(state.ends);
  Object.assign(state, {session: null, waiting: [], pairs: new Map(), shown: null, run: state.run + 1});
  keep();
  say('');
  show('wait');
  return welcome();
}

// --- what a person does ------------------------------------------------------------------------------------

act({
  begin,
  choose: (side) => choose(side.dataset.side),
  previous: () => { if (state.place > 0) go(state.place - 1); },
  next: () => (last() ? finish() : go(state.place + 1)),
  stop() {
    const answered = Math.max(0, state.answered - state.training);
    find('#st-sure-words').textContent = answered
      ? `Stop here? The session ends, and your ${popscore.count(answered, 'answer is', 'answers are')} kept.`
      : 'Stop here? The session ends, and no pair after the practice has an answer yet.';
    dialog.showModal();
  },
  goOn: () => dialog.close(),
  stopNow() { dialog.close(); finish(); },
  again: leave,
});

document.addEventListener('keydown', (event) => {
  if (!root.isConnected || !root.checkVisibility() || root.dataset.phase !== 'pair' || dialog.open || event.defaultPrevented) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.repeat) return;
  if (event.target.closest?.('input, textarea, select, [role=tab], [role=dialog], dialog')) return;
  const stacked = stage.classList.contains('st-stacked');
  const side = {ArrowLeft: 'left', ArrowRight: 'right', ...(stacked ? {ArrowUp: 'left', ArrowDown: 'right'} : {})}[event.key];
  if (!side) {
    // After an arrow key nothing has the focus that Enter could press.
    if (event.key === 'Enter' && (event.target === document.body || event.target === find('.st-ask')) && !find('[data-do=next]').disabled) find('[data-do=next]').click();
    return;
  }
  event.preventDefault();
  choose(side);
});
start();
