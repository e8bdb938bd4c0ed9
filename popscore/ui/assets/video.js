// The Video tab in the browser. `element`, `props`, `server`, `trigger`, `upload` and `watch` come from
// Gradio. Text from outside is set as text, never as HTML.

const root = element.querySelector('.pv');
const find = (selector) => root.querySelector(selector);
const state = {video: null, answer: null, stopped: false, looked: 0};

const make = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
const clock = (time) => {
  const tenths = Math.round(time * 10);
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, '0')}`;
};

function say(message) {
  find('.pr-message').textContent = message || '';
  find('.pr-message').hidden = !message;
}

function busy(words, share) {
  find('.pr-busy').hidden = words === null;
  if (words === null) return;
  find('.pr-doing').textContent = words;
  find('.pr-bar i').style.width = `${Math.round(100 * share)}%`;
}

async function bring(file) {
  if (!file) return;
  say('');
  if (file.size > props.limits.bytes) {
    say(`${file.name} is too large: the limit is ${props.limits.bytes / 1e6} MB. Cut it shorter, or save it smaller.`);
    return;
  }
  Object.assign(state, {answer: null, stopped: false});
  root.dataset.phase = 'busy';
  draw();
  busy(`Uploading ${file.name}`, 0.02);
  try {
    const sent = await upload(file);
    state.video = {id: sent.path, name: file.name};
  } catch (error) {
    busy(null);
    root.dataset.phase = 'empty';
    say(`${file.name} did not arrive. Check the connection and choose it again.`);
    return;
  }
  if (state.stopped) return;
  busy('Looking at the frames', 0.05);
  const every = Math.min(1000, Math.max(1, Math.round(Number(find('.pv-every').value) || 25)));
  trigger('submit', {video: state.video, every, fast: find('.pv-fast').checked});
}

watch('value', () => {
  const answer = props.value;
  if (!answer || !answer.phase || state.stopped) return;
  if (answer.phase === 'error') {
    busy(null);
    root.dataset.phase = 'empty';
    say(answer.message);
    return;
  }
  if (answer.phase === 'scoring') {
    busy(answer.doing, answer.share);
    return;
  }
  busy(null);
  state.answer = answer;
  root.dataset.phase = 'done';
  draw();
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
  find('.pr-drop').classList.toggle('pr-small', Boolean(answer));
  find('.pr-head').hidden = !answer;
  find('.pv-look').hidden = true;
  find('.pv-frames').replaceChildren(...(answer ? answer.results.map(frameCard) : []));
  if (!answer) return;
  const best = answer.results[0];
  find('.pr-summary').textContent = `${answer.points.length} frames scored`
    + (best ? ` · best at ${clock(best.time_s)}` : '');
  find('.pv-notices').replaceChildren(...answer.notices.map((notice) => make('li', '', notice)));
  find('[data-do=zip]').disabled = !answer.results.length;
  drawLine(answer);
}

function drawLine(answer) {
  const points = answer.points;
  const scores = points.map((point) => point.score);
  const low = Math.min(...scores, 0) - 0.3;
  const high = Math.max(...scores, 4.5) + 0.3;
  const end = Math.max(points.at(-1)?.time_s || 0, 0.001);
  const across = (time) => (1000 * time) / end;
  const up = (score) => 160 - (160 * (score - low)) / (high - low);
  const svg = find('.pv-line svg');
  const shape = (tag, attributes) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const parts = [];
  let upper = high;
  for (const band of props.bands) {
    const lower = Math.max(low, band.from);
    if (lower < upper) {
      parts.push(shape('rect', {class: `ps-${band.label.toLowerCase()}`, x: 0, width: 1000, y: up(upper), height: up(lower) - up(upper)}));
      upper = lower;
    }
  }
  parts.push(shape('polyline', {points: points.map((point) => `${across(point.time_s).toFixed(1)},${up(point.score).toFixed(1)}`).join(' ')}));
  svg.replaceChildren(...parts);
  find('.pv-marks').replaceChildren(...answer.results.map((result) => {
    const mark = make('button', 'pv-mark', String(result.rank));
    mark.type = 'button';
    mark.dataset.do = 'look';
    mark.dataset.index = result.frame_index;
    mark.style.left = `${across(result.time_s) / 10}%`;
    mark.style.top = `${(100 * up(result.score)) / 160}%`;
    mark.setAttribute('aria-label', `Rank ${result.rank} at ${clock(result.time_s)}: ${result.score.toFixed(2)}, ${result.label}`);
    return mark;
  }));
  find('.pv-times').replaceChildren(...[0, 0.25, 0.5, 0.75, 1].map((share) => make('span', '', clock(share * end))));
}

function frameCard(result) {
  const item = make('li', 'pr-card');
  const image = make('img');
  image.alt = `The frame at ${clock(result.time_s)}`;
  image.src = result.preview;
  const line = make('div', 'pr-line');
  const chip = make('span', `ps-chip ps-${result.label.toLowerCase()}`);
  chip.append(make('i'), make('b', '', `${result.score.toFixed(2)} ${result.label}`));
  line.append(chip, make('span', 'pv-time', clock(result.time_s)));
  const save = make('a', 'pv-save', 'Save');
  save.href = address(result.image);
  save.download = result.image_name;
  item.append(image, make('span', 'pr-rank', result.rank), line, save);
  return item;
}

const address = (path) => `gradio_api/file=${path.split('/').map(encodeURIComponent).join('/')}`;

// The frame that was scored nearest to a place on the line.
async function look(point) {
  if (!point) return;
  const asked = (state.looked += 1);
  const figure = find('.pv-look');
  figure.hidden = false;
  figure.querySelector('figcaption').textContent = `${clock(point.time_s)}: ${point.score.toFixed(2)}`;
  const picture = await server.frame(state.video.id, point.index);
  if (asked !== state.looked) return;
  const image = figure.querySelector('img');
  image.src = picture;
  image.alt = `The frame at ${clock(point.time_s)}`;
}

async function saveAll() {
  try {
    const saved = await server.pack(state.video.name, state.answer.results.map((result) => result.image));
    const link = make('a');
    link.href = address(saved.file);
    link.download = saved.name;
    root.append(link);
    link.click();
    link.remove();
  } catch (error) {
    say('The ZIP could not be made. The frames may have been deleted by now: choose the video again.');
  }
}

// --- hands -------------------------------------------------------------------------------------

root.addEventListener('click', (event) => {
  const button = event.target.closest('[data-do]');
  if (button?.dataset.do === 'choose') find('.pr-files').click();
  else if (button?.dataset.do === 'record') record();
  else if (button?.dataset.do === 'recorded') recorder.stop();
  else if (button?.dataset.do === 'zip') saveAll();
  else if (button?.dataset.do === 'look') {
    look(state.answer.points.find((point) => point.index === Number(button.dataset.index)));
  } else if (button?.dataset.do === 'stop') {
    state.stopped = true;
    busy(null);
    root.dataset.phase = 'empty';
    trigger('stop', {});
  } else if (event.target.closest('.pv-line') && state.answer) {
    const box = find('.pv-line svg').getBoundingClientRect();
    const points = state.answer.points;
    const time = ((event.clientX - box.left) / box.width) * points.at(-1).time_s;
    look(points.reduce((a, b) => (Math.abs(b.time_s - time) < Math.abs(a.time_s - time) ? b : a), points[0]));
  }
});
find('.pr-files').addEventListener('change', (event) => {
  const [file] = event.target.files;
  event.target.value = '';
  bring(file);
});
root.addEventListener('dragover', (event) => {
  event.preventDefault();
  find('.pr-drop').classList.add('pr-over');
});
root.addEventListener('dragleave', () => find('.pr-drop').classList.remove('pr-over'));
root.addEventListener('drop', (event) => {
  event.preventDefault();
  find('.pr-drop').classList.remove('pr-over');
  bring(event.dataTransfer.files[0]);
});
