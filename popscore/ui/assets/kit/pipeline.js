// From files to scores: each photo is made smaller in the browser, sent, and scored, several at a time, so that the
// first score is there while others are still read. A gap in the connection is waited for; stopping leaves the rest
// where it is, to go on later.

// `server` as Gradio gives it; `changed(photo)` is told after each step; `lost(seconds)` while the connection is gone,
// with null once it is back.
window.popscore.pipeline = ({server, limits, changed, lost}) => {
  const SHRINKING = 2; // photos in full size in memory at one time
  const SENDING = 4;
  const RETRY_S = [1, 2, 4, 8, 8, 8];
  const GIVE_UP_S = 300;
  let shrinker = null;
  let going = null; // what can be stopped: {stopped, abort}
  let known = null; // promise of what the server said at the beginning

  const sleep = (seconds, run) => new Promise((done) => {
    const timer = setTimeout(done, seconds * 1000);
    run.abort.signal.addEventListener('abort', () => { clearTimeout(timer); done(); }, {once: true});
  });

  // Does it until it is done, through gaps of the connection. Gives null if the run was stopped, or after minutes.
  async function again(run, work) {
    const since = Date.now();
    for (let turn = 0; !run.stopped; turn += 1) {
      try {
        const answer = await work();
        if (run.gone) lost(run.gone = null);
        return answer;
      } catch (error) {
        if (run.stopped) return null;
        if (error.final || Date.now() - since > GIVE_UP_S * 1000) throw error;
        run.gone ??= Date.now();
        lost(Math.round((Date.now() - run.gone) / 1000));
        await sleep(RETRY_S[Math.min(turn, RETRY_S.length - 1)], run);
      }
    }
    return null;
  }

  // A server that has too much to do is asked again later.
  const ask = async (question) => {
    const answer = await question();
    if (!answer) throw new Error('no answer'); // so Gradio tells that the connection failed
    if (answer.busy) throw new Error(answer.message);
    return answer;
  };

  const begun = (run) => {
    known ??= again(run, () => ask(() => server.begin())).then((answer) => {
      if (!answer || answer.message) known = null;
      return answer;
    });
    return known;
  };

  async function shrunk(photo, run) {
    if (photo.copy) return;
    const begin = await begun(run);
    if (run.stopped) return;
    if (begin.message) throw Object.assign(new Error(begin.message), {final: true});
    shrinker ??= window.popscore.shrinker?.({shortSide: begin.short_side});
    const made = shrinker ? await shrinker.shrink(photo.file) : {whole: true};
    if (made.whole && photo.file.size > limits.bytes) {
      const words = `${photo.name} is too large: the limit is ${Math.round(limits.bytes / 1e6)} MB. Save it smaller.`;
      throw Object.assign(new Error(words), {final: true});
    }
    photo.whole = made.whole;
    photo.copy = made.file || photo.file;
    photo.small = made.small || null;
    if (made.width) Object.assign(photo, {width: made.width, height: made.height});
    changed(photo, 'shrunk');
  }

  async function send(photo, run) {
    const form = new FormData();
    form.append('files', photo.copy, photo.copy.name || photo.name);
    const answer = await fetch('gradio_api/upload', {method: 'POST', body: form, signal: run.abort.signal});
    if (answer.status === 413) throw Object.assign(new Error(`${photo.name} is too large for this server.`), {final: true});
    if (!answer.ok) throw new Error(String(answer.status));
    [photo.sent] = await answer.json();
  }

  const asked = (photo) => ({id: photo.sent, name: photo.name});

  async function scored(photo, run) {
    for (let turn = 0; turn < 3 && !run.stopped; turn += 1) {
      if (!photo.sent) await again(run, () => send(photo, run));
      if (run.stopped) return;
      const answer = await again(run, () => ask(() => server.score(asked(photo))));
      if (run.stopped || !answer) return;
      if (answer.missing) { // deleted meanwhile: sent once more
        photo.sent = null;
        continue;
      }
      if (answer.message) throw Object.assign(new Error(answer.message), {final: true});
      if (answer.error) photo.error = answer.error.message;
      else {
        photo.model = answer.model.sha256;
        photo.result = {...answer.result};
        // A copy is smaller than the photo.
        if (photo.width) Object.assign(photo.result, {width: photo.width, height: photo.height});
        else Object.assign(photo, {width: answer.result.width, height: answer.result.height});
      }
      changed(photo, 'scored', answer.model);
      return;
    }
    if (!run.stopped) throw Object.assign(new Error(`${photo.name} did not arrive. Add it again.`), {final: true});
  }

  // What the server says about photos; those that it has no longer are sent once more.
  async function about(photos, question) {
    const run = going ?? {stopped: false, gone: null, abort: new AbortController()};
    for (let turn = 0; turn < 3; turn += 1) {
      const absent = photos.filter((photo) => !photo.sent && photo.copy);
      for (const photo of absent) await again(run, () => send(photo, run));
      if (run.stopped) return null;
      const answer = await again(run, () => ask(() => question(photos.map(asked))));
      if (!answer || answer.message) return answer;
      for (const index of answer.missing) photos[index].sent = null;
      if (!answer.missing.length) return answer;
    }
    return null;
  }

  return {
    get running() { return going !== null; },

    // Works on the photos that have neither score nor error. Resolves when all is done, or stopped.
    async run(photos) {
      const run = going = {stopped: false, gone: null, abort: new AbortController()};
      const waiting = photos.filter((photo) => !photo.result && !photo.error);
      const ready = []; // shrunk, and to be sent
      const wake = [];
      const stir = () => { for (const one of wake.splice(0)) one(); };
      let shrinking = waiting.length;
      run.abort.signal.addEventListener('abort', stir);

      const attempt = async (photo, work) => {
        try {
          await work();
        } catch (error) {
          if (run.stopped) return;
          photo.error = error.final ? error.message : `${photo.name} did not arrive. Check the connection and add it again.`;
          changed(photo, 'failed');
        }
      };
      const shrinkers = Array.from({length: SHRINKING}, async () => {
        for (let photo = waiting.shift(); photo && !run.stopped; photo = waiting.shift()) {
          await attempt(photo, () => shrunk(photo, run));
          shrinking -= 1;
          if (!photo.error && photo.copy) ready.push(photo);
          stir();
        }
      });
      const senders = Array.from({length: SENDING}, async () => {
        while (!run.stopped) {
          const photo = ready.shift();
          if (photo) await attempt(photo, () => scored(photo, run));
          else if (!shrinking) return;
          else await new Promise((done) => { wake.push(done); });
        }
      });
      await Promise.all([...shrinkers, ...senders]);
      if (going === run) going = null;
      return !run.stopped;
    },

    // The order of photos that have scores, with shots of a scene looked at closer if asked, or null if it cannot be
    // had now.
    // `taste` is asked each time, because the memory bank may have to be sent once more too.
    order: (photos, burst, closer, people, taste) => about(
      photos, async (sent) => server.order(sent, burst, closer, people, await taste(photos))),
    about,
    // What is seen of the people on some photos, or null.
    people: (photos) => about(photos, (sent) => server.people({photos: sent})),

    // The upload of a photo; sends it if the server does not have it.
    async sent(photo) {
      if (!photo.sent) {
        if (!photo.copy) throw Object.assign(new Error(`${photo.name} has to be added again.`), {final: true});
        await send(photo, {abort: new AbortController()});
      }
      return photo.sent;
    },

    stop() {
      if (!going) return;
      going.stopped = true;
      going.abort.abort();
      going = null;
      lost(null);
    },
  };
};
