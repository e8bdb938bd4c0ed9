// The memory bank of the page: one for all tabs. Its file stays in this browser until it is removed; the server gets it
// when something is asked of it, and once more where it has deleted it meanwhile.

window.popscore.bank = (() => {
  const NAME = 'popscore bank';
  const MOST_LETTERS = 40; // of a name within a sentence
  const watchers = [];
  let current = null; // {key, name, blob, words, posts, choices, sent, small}
  let reading = null; // {name, abort}: a file that was chosen and is not there yet
  let counter = 0;
  let connect;
  const connected = new Promise((done) => { connect = done; }); // {server, limits}

  // --- what the browser keeps --------------------------------------------------------------------------

  function database() {
    return new Promise((done) => {
      if (!window.indexedDB) return done(null);
      const asked = indexedDB.open(NAME, 1);
      asked.onupgradeneeded = () => asked.result.createObjectStore('bank');
      asked.onsuccess = () => done(asked.result);
      asked.onerror = asked.onblocked = () => done(null);
    });
  }

  // Does something with what is kept. Where the browser keeps nothing, the bank is gone after a reload.
  async function within(mode, work) {
    const opened = await database().catch(() => null);
    if (!opened) return null;
    try {
      return await new Promise((done, fail) => {
        const going = opened.transaction('bank', mode);
        const asked = work(going.objectStore('bank'));
        going.oncomplete = () => done(asked.result);
        going.onabort = () => fail(going.error);
      });
    } catch {
      return null;
    } finally {
      opened.close();
    }
  }

  // Other tabs of this browser have the same one.
  const others = window.BroadcastChannel ? new BroadcastChannel(NAME) : null;
  if (others) others.onmessage = () => restore();

  async function keep() {
    const kept = current && {name: current.name, blob: current.blob, words: current.words, posts: current.posts, choices: current.choices};
    await within('readwrite', (store) => (kept ? store.put(kept, 'bank') : store.delete('bank')));
    others?.postMessage('changed');
  }

  async function restore() {
    const kept = await within('readonly', (store) => store.get('bank'));
    if (!kept?.blob && !current) return;
    use(kept?.blob ? kept : null);
  }

  // --- the bank ----------------------------------------------------------------------------------------

  function use(bank) {
    counter += 1;
    current = bank && {...bank, key: `bank ${counter}`, sent: bank.sent || null, small: new Map()};
    tell();
  }

  function tell() {
    for (const watcher of watchers) watcher(current);
  }

  // Where the bank's file lies on the server; it is sent where the server does not have it.
  async function sent(bank, signal) {
    const {server} = await connected;
    for (let tries = 0; tries < 2; tries += 1) {
      bank.sent ??= await window.popscore.sendFile(new File([bank.blob], bank.name), {signal});
      const answer = await server.take_bank({id: bank.sent, name: bank.name}).catch(() => null);
      if (signal?.aborted) throw new DOMException('stopped', 'AbortError');
      if (!answer || answer.busy) throw new Error('no answer');
      if (answer.message) throw Object.assign(new Error(answer.message), {final: true});
      if (!answer.missing) {
        Object.assign(bank, {words: answer.words, posts: answer.posts, choices: answer.choices});
        return bank.sent;
      }
      bank.sent = null;
    }
    throw new Error('no answer');
  }

  const ready = restore();

  return {
    get current() { return current; },
    // What it is called: its file without the ending.
    get name() { return (current?.name || '').replace(/\.bank$/i, ''); },
    // As a part of a sentence: its file, and what is in it.
    described({name, words} = current) {
      const short = name.length > MOST_LETTERS ? `${name.slice(0, MOST_LETTERS - 6)}….bank` : name;
      return `${short}${words ? ` (${words})` : ''}`;
    },
    get reading() { return reading?.name || null; },
    ready,
    connect,
    // Called with the bank, or null, whenever another one is used, and when one is being read.
    watch(watcher) { watchers.push(watcher); },

    // Takes a file in place of the bank that is there. Gives why it cannot be used, or null.
    async take(file) {
      reading?.abort.abort();
      const mine = reading = {name: file.name, abort: new AbortController()};
      tell();
      const {limits} = await connected;
      let bank;
      let trouble = null;
      try {
        if (file.size > limits.bytes) {
          throw Object.assign(new Error(`${file.name} is too large: the limit for memory banks is ${Math.round(limits.bytes / 1e6)} MB.`), {final: true});
        }
        // A copy: the file itself may change, or go.
        const content = await file.arrayBuffer().catch(() => {
          throw Object.assign(new Error(`${file.name} could not be read. Choose it again.`), {final: true});
        });
        bank = {name: file.name, blob: new Blob([content]), sent: null};
        await sent(bank, mine.abort.signal);
      } catch (error) {
        trouble = error.final ? error.message : `${file.name} did not arrive. Check the connection and try again.`;
      }
      if (reading !== mine) return null; // stopped, or another one was chosen
      reading = null;
      if (trouble) {
        tell();
        return trouble;
      }
      use(bank);
      await keep();
      return null;
    },

    stop() {
      reading?.abort.abort();
      reading = null;
      tell();
    },

    remove() {
      use(null);
      return keep();
    },

    // Of a gallery that was kept when each had its own.
    async adopt(old) {
      await ready;
      if (current || !old?.blob) return;
      use(old);
      await keep();
    },

    // The upload of the bank, to be sent along with a question; '' where there is none.
    async id() {
      await ready;
      const bank = current;
      if (!bank) return '';
      bank.asking ??= sent(bank).finally(() => { bank.asking = null; });
      return bank.asking;
    },

    // Small pictures of posts of the bank, as addresses; null where it has none.
    async pictures(ids) {
      const bank = current;
      const {server} = await connected;
      const wanted = ids.filter((id) => bank && !bank.small.has(id));
      if (wanted.length) {
        const answer = await server.neighbours({bank: await this.id(), ids: wanted}).catch(() => null);
        if (answer?.pictures) wanted.forEach((id, at) => bank.small.set(id, answer.pictures[at]));
      }
      return ids.map((id) => bank?.small.get(id) || null);
    },
  };
})();
