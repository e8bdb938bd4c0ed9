// The Video tab in the browser. `element`, `props`, `server`, `trigger`, `upload` and `watch` come from Gradio,
// `popscore` from assets/kit.

const {make, button, clock, chip} = popscore;
const root = element.querySelector('.pv');
const {find, say, busy, act} = popscore.page(root);
const options = find('.pv-options');
// `video` is the one of the answer that is shown, `asked` the one that is looked at now; `bank` and `asks` the memory
// banks that go with them.
const state = {video: null, answer: null, asked: null, run: 0, looked: 0, point: null, bank: null, asks: null};
const MOST_EVERY = 1000;

// --- what is asked of the server -----------------------------------------------------------------

async function bring(file) {
  if (!file) return;
  say('');
  if (file.size > props.limits.bytes) {
    say(`${file.name} is too large: the limit is ${props.limits.bytes / 1e6} MB. Cut it shorter, or save it smaller.`);
    return;
  }
  if (!checkedEvery()) {
    say(`${file.name} was not looked at: correct the number under Thorough, then choose it again.`);
    return;
  }
  if (root.dataset.phase === 'busy') stop();
  const run = begin(`Uploading ${file.name}`, 0.02);
  const sent = await upload(file).catch(() => null);
  if (run !== state.run) return; // stopped meanwhile, or another one was chosen
  if (sent?.path) ask({id: sent.path, name: file.name});
  else fail(`${file.name} did not arrive. Check the connection and add it again.`);
}

function again() {
  say('');
  if (!checkedEvery()) return;
  begin('Looking at the frames', 0.05);
  ask(state.video);
}

// What was found before stays in sight until there is something new.
function begin(words, share) {
  state.run += 1;
  show('busy');
  busy(words, share);
  return state.run;
}

async function ask(video) {
  busy('Looking at the frames', 0.05);
  const {run} = state;
  let bank = '';
  try {
    bank = await popscore.bank.id();
  } catch (error) {
    if (run === state.run) fail(error.final ? error.message : 'Your memory bank did not arrive. Check the connection, then look again.');
  }
  if (run !== state.run || root.dataset.phase !== 'busy') return; // stopped, or failed
  Object.assign(state, {asked: video, asks: bank && popscore.bank.current});
  const fast = options.querySelector('[value=quick]').checked;
  trigger('submit', {video, every: fast ? 25 : checkedEvery(), fast, bank, run});
}

function fail(message) {
  rest();
  say(message);
}

function rest() {
  busy(null);
  show(state.answer ? 'done' : 'empty');
}

function show(phase) {
  root.dataset.phase = phase;
  options.disabled = phase === 'busy';
}

watch('value', () => {
  if (!props.value) return;
  const answer = JSON.parse(props.value);
  if (answer.run !== state.run) return; // of a run that was stopped, or overtaken
  if (answer.phase === 'error') fail(answer.message);
  else if (answer.phase === 'scoring') busy(answer.doing, answer.share);
  else {
    Object.assign(state, {answer, video: state.asked, bank: state.asks || null, point: null});
    draw();
    rest();
  }
});

// --- how to look ---------------------------------------------------------------------------------

// The number under Thorough; null if it cannot be used, and then the page says why. Quick does not need it.
function checkedEvery() {
  const field = find('.pv-every');
  const number = /^[0-9]+$/.test(field.value) ? Number(field.value) : 0;
  const wrong = options.querySelector('[value=thorough]').checked && !(number >= 1 && number <= MOST_EVERY);
  find('.pv-nth').textContent = nth(number);
  field.setAttribute('aria-invalid', wrong);
  complain(options, wrong && `Write a whole number from 1, which is every frame, to ${MOST_EVERY}.`);
  if (!wrong) return number || 25;
  return null;
}

function nth(number) {
  const teens = number % 100 >= 11 && number % 100 <= 13;
  return `${(!teens && {1: 'st', 2: 'nd', 3: 'rd'}[number % 10]) || 'th'} frame`;
}

// Puts a sentence beside what it is about.
function complain(part, message) {
  const place = part.querySelector('.pv-wrong');
  if (place.textContent !== (message || '')) place.textContent = message || '';
  place.hidden = !message;
}

find('.pv-every').addEventListener('input', () => {
  options.querySelector('[value=thorough]').checked = true;
  checkedEvery();
});
find('.pv-every').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && state.answer) again();
});
options.addEventListener('change', checkedEvery);

// --- camera --------------------------------------------------------------------------------------

let recorder = null;

async function record() {
  say('');
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment'}, audio: false});
  } catch (error) {
    say('The camera cannot be used. Allow it in the browser, or choose a video.');
    return;
  }
  const pieces = [];
  const view = find('.pv-record video');
  view.srcObject = stream;
  view.play();
  find('.pv-record').hidden = false;
  recorder = new MediaRecorder(stream);
  recorder.addEventListener('dataavailable', (event) => pieces.push(event.data));
  recorder.addEventListener('stop', () => {
    for (const track of stream.getTracks()) track.stop();
    find('.pv-record').hidden = true;
    const type = recorder.mimeType.split(';')[0];
    bring(new File(pieces, type === 'video/mp4' ? 'recording.mp4' : 'recording.webm', {type}));
  });
  recorder.start(1000);
}

// --- what is shown -----------------------------------------------------------------------------

function draw() {
  const {answer} = state;
  find('.ps-drop').classList.add('ps-small');
  find('.ps-head').hidden = false;
  find('.ps-head').append(options); // from the drop area, which is gone now
  find('.pv-again').hidden = false;
  find('.pv-look').hidden = true;
  find('.pv-at').hidden = true;
  find('.pv-frames').replaceChildren(...answer.results.map(frameCard));
  const best = answer.results[0];
  find('.ps-summary').textContent = popscore.count(answer.points.length, 'frame scored', 'frames scored')
    + (best ? ` · best at ${clock(best.time_s)}` : '');
  find('.pv-notices').replaceChildren(...answer.notices.map((notice) => make('li', '', notice)));
  find('[data-do=zip]').disabled = !answer.results.length;
  drawBank();
  drawLine(answer);
  drawTimes();
}

// By which bank the frames are ordered, where that is not plain: it may have come, or gone, since.
function drawBank() {
  const line = find('.pv-bank');
  const {current} = popscore.bank;
  const named = popscore.bank.described;
  const again = current ? `Look again to order them by ${named(current)}.` : 'Look again to order them by the score.';
  line.hidden = !state.answer || (!state.bank && !current);
  if (line.hidden) return;
  if (state.bank && state.bank.key === current?.key) line.textContent = `Ordered ${current.posts ? 'for people who follow you' : 'by your taste'}: ${named(current)}.`;
  else line.textContent = state.bank ? `Ordered by ${named(state.bank)}, which is not in use any more. ${again}` : `Ordered by the score alone. ${again}`;
}
popscore.bank.watch(drawBank);

// From the left, in percent. The right end is where the video ends, not its last frame that was scored.
const along = (time) => (100 * time) / Math.max(state.answer.duration_s, 0.001);

// The score along the time, over the bands, which lie one above the other here.
function drawLine({points, results}) {
  const scores = points.map((point) => point.score);
  const [low, high] = [Math.min(...scores, 0), Math.max(...scores, 4)];
  const room = 0.16 * (high - low); // so that the lowest and the highest band have room for their names
  const axis = popscore.axis(low - room, high + room);
  const down = (score) => 100 - axis.across(score);
  find('.pv-ground').replaceChildren(...popscore.ground(axis, {upright: true}));
  find('.pv-line polyline').setAttribute('points', points.map((point) =>
    `${(10 * along(point.time_s)).toFixed(1)},${(1.6 * down(point.score)).toFixed(1)}`).join(' '));
  find('.pv-marks').replaceChildren(...results.map((result) => {
    const mark = button('pv-mark', undefined, 'look');
    mark.append(make('b', '', String(result.rank)));
    mark.dataset.index = result.frame_index;
    mark.style.left = `${along(result.time_s)}%`;
    mark.style.top = `${down(result.score)}%`;
    mark.style.zIndex = results.length - result.rank + 1; // of two that lie over each other, the better one is seen
    mark.setAttribute('aria-label', `Rank ${result.rank} at ${clock(result.time_s)}: ${result.score.toFixed(2)}, ${result.label}`);
    return mark;
  }));
}

const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
const TIME_ROOM = 84; // pixels from one time to the next

// Times in round steps, and last the time when the video ends.
function drawTimes() {
  if (!state.answer) return;
  const end = state.answer.duration_s;
  const most = Math.max(1, Math.floor(find('.pv-plot').clientWidth / TIME_ROOM));
  const step = STEPS_S.find((one) => end / one <= most + 0.5) || end;
  const times = [];
  for (let number = 0; number * step <= end - 0.75 * step; number += 1) times.push(number * step);
  find('.pv-times').replaceChildren(...[...times, end].map((time) => {
    const made = make('span', '', clock(time).replace(/\.0$/, ''));
    made.style.left = `${along(time)}%`;
    return made;
  }));
}

new ResizeObserver(drawTimes).observe(find('.pv-plot'));

function frameCard(result) {
  const item = make('li', 'ps-card');
  const image = make('img');
  image.alt = `The frame at ${clock(result.time_s)}`;
  const line = make('div', 'ps-line');
  line.append(chip(result), make('span', 'pv-time', clock(result.time_s)));
  item.append(image, make('span', 'ps-rank', result.rank), line);
  if (result.own) item.append(popscore.ownPart(result.own, {plain: true, after: `By the score alone ${result.general.toFixed(2)}.`}));
  if (!result.image) return item; // it could not be written; a notice says so
  image.src = result.preview;
  const save = make('a', 'pv-save', 'Save');
  save.href = popscore.address(result.image);
  save.download = result.image_name;
  save.setAttribute('aria-label', `Save the frame at ${clock(result.time_s)}`);
  item.append(save);
  return item;
}

// What the server answers. Without a connection Gradio's functions end with nothing, or an error.
const answered = async (asked) => (await asked.catch(() => null)) || {};

// The frame that was scored nearest to a place on the line.
async function look(point) {
  if (!point) return;
  const asked = (state.looked += 1);
  const figure = find('.pv-look');
  const [image, save] = [figure.querySelector('img'), figure.querySelector('button')];
  figure.hidden = false;
  figure.querySelector('figcaption').textContent = `${clock(point.time_s)}: ${point.score.toFixed(2)}`;
  complain(figure, '');
  save.disabled = true;
  find('.pv-at').hidden = false;
  find('.pv-at').style.left = `${along(point.time_s)}%`;
  state.point = point;
  const best = state.answer.results.find((result) => result.frame_index === point.index);
  figure.querySelector('.pv-says').textContent = best?.own?.words || '';
  figure.dataset.index = point.index;
  const answer = await answered(server.frame(state.video.id, point.index));
  if (asked !== state.looked) return;
  if (answer.image) {
    image.src = answer.image;
    image.alt = `The frame at ${clock(point.time_s)}`;
    save.disabled = false;
  } else {
    image.removeAttribute('src'); // of another frame
    complain(figure, `The frame at ${clock(point.time_s)} is not shown. ${answer.message || 'It did not arrive. Try again.'}`);
  }
}

async function saveFrame(pressed) {
  const {point, video} = state;
  const asked = state.looked;
  complain(find('.pv-look'), '');
  pressed.disabled = true;
  const saved = await answered(server.save_frame(video.id, video.name, point.index));
  if (saved.file) popscore.save(saved.file, saved.name);
  if (asked !== state.looked) return; // another frame is shown by now
  pressed.disabled = false;
  if (saved.file) return;
  complain(find('.pv-look'), `The frame at ${clock(point.time_s)} was not saved. ${saved.message || 'It did not arrive. Try again.'}`);
}

async function saveAll() {
  const written = state.answer.results.map((result) => result.image).filter(Boolean);
  const saved = await answered(server.pack(state.video.name, written));
  say(saved.file ? saved.message : saved.message || 'The ZIP could not be made. Try again.');
  if (saved.file) popscore.save(saved.file, saved.name);
}

// --- what a person does ------------------------------------------------------------------------

function stop() {
  state.run += 1;
  rest();
  trigger('stop', {});
}

act({
  stop,
  choose: () => find('.ps-files').click(),
  record,
  recorded: () => recorder.stop(),
  again,
  zip: saveAll,
  saveFrame,
  look: (mark) => look(state.answer.points.find((point) => point.index === Number(mark.dataset.index))),
  along: (line, event) => {
    const box = find('.pv-plot').getBoundingClientRect();
    const {points, duration_s: end} = state.answer;
    const time = ((event.clientX - box.left) / box.width) * end;
    look(points.reduce((a, b) => (Math.abs(b.time_s - time) < Math.abs(a.time_s - time) ? b : a), points[0]));
  },
});
find('.ps-files').addEventListener('change', (event) => {
  const [file] = event.target.files;
  event.target.value = '';
  bring(file);
});
popscore.takeFiles({element: root, kind: 'video', tab: 'Video', take: (files) => bring(files.find(popscore.isVideo) || files[0]), area: find('.ps-drop')});
