// The Video tab in the browser. `element`, `props`, `server`, `trigger`, `upload` and `watch` come from Gradio,
// `popscore` from assets/kit.

const {make, button, clock, chip} = popscore;
const root = element.querySelector('.pv');
const {find, say, busy, act} = popscore.page(root);
const state = {video: null, answer: null, run: 0, looked: 0};

async function bring(file) {
  if (!file) return;
  say('');
  if (file.size > props.limits.bytes) {
    say(`${file.name} is too large: the limit is ${props.limits.bytes / 1e6} MB. Cut it shorter, or save it smaller.`);
    return;
  }
  state.answer = null;
  const run = (state.run += 1);
  root.dataset.phase = 'busy';
  draw();
  busy(`Uploading ${file.name}`, 0.02);
  const {sent, lost} = await popscore.uploadAll([file], upload);
  if (run !== state.run) return; // stopped meanwhile, or another one was chosen
  if (lost.length) {
    fail(lost[0].message);
    return;
  }
  [state.video] = sent;
  busy('Looking at the frames', 0.05);
  const every = Math.min(1000, Math.max(1, Math.round(Number(find('.pv-every').value) || 25)));
  trigger('submit', {video: state.video, every, fast: find('.pv-fast').checked, run});
}

function fail(message) {
  busy(null);
  root.dataset.phase = 'empty';
  say(message);
}

watch('value', () => {
  if (!props.value) return;
  const answer = JSON.parse(props.value);
  if (answer.run !== state.run) return; // of a run that was stopped, or overtaken
  if (answer.phase === 'error') fail(answer.message);
  else if (answer.phase === 'scoring') busy(answer.doing, answer.share);
  else {
    busy(null);
    state.answer = answer;
    root.dataset.phase = 'done';
    draw();
  }
});

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
  const answer = state.answer;
  find('.ps-drop').classList.toggle('ps-small', Boolean(answer));
  find('.ps-head').hidden = !answer;
  find('.pv-look').hidden = true;
  find('.pv-frames').replaceChildren(...(answer ? answer.results.map(frameCard) : []));
  if (!answer) return;
  const best = answer.results[0];
  find('.ps-summary').textContent = `${answer.points.length} frames scored`
    + (best ? ` · best at ${clock(best.time_s)}` : '');
  find('.pv-notices').replaceChildren(...answer.notices.map((notice) => make('li', '', notice)));
  find('[data-do=zip]').disabled = !answer.results.length;
  drawLine(answer);
  drawTimes();
}

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
  if (!result.image) return item; // it could not be written; a notice says so
  image.src = result.preview;
  const save = make('a', 'pv-save', 'Save');
  save.href = popscore.address(result.image);
  save.download = result.image_name;
  item.append(save);
  return item;
}

// The frame that was scored nearest to a place on the line.
async function look(point) {
  if (!point) return;
  const asked = (state.looked += 1);
  const figure = find('.pv-look');
  figure.hidden = false;
  figure.querySelector('figcaption').textContent = `${clock(point.time_s)}: ${point.score.toFixed(2)}`;
  const answer = await server.frame(state.video.id, point.index).catch(() => ({}));
  if (asked !== state.looked) return;
  say(answer.image ? '' : answer.message || 'This frame did not arrive. Try again.');
  if (!answer.image) return;
  const image = figure.querySelector('img');
  image.src = answer.image;
  image.alt = `The frame at ${clock(point.time_s)}`;
}

async function saveAll() {
  const written = state.answer.results.map((result) => result.image).filter(Boolean);
  const saved = await server.pack(state.video.name, written).catch(() => ({message: 'The ZIP could not be made. Try again.'}));
  say(saved.message);
  if (saved.file) popscore.save(saved.file, saved.name);
}

// --- what a person does ------------------------------------------------------------------------

function stop() {
  state.run += 1;
  busy(null);
  root.dataset.phase = 'empty';
  trigger('stop', {});
}

act({
  stop,
  choose: () => find('.ps-files').click(),
  record,
  recorded: () => recorder.stop(),
  zip: saveAll,
  look: (mark) => look(state.answer.points.find((point) => point.index === Number(mark.dataset.index))),
  along: (line, event) => {
    if (!state.answer) return;
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
popscore.takeFiles({element: root, kind: 'video', take: ([file]) => bring(file), area: find('.ps-drop')});
