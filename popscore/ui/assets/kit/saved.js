// What a gallery keeps in the browser until it is started over: photos with their scores and decisions, the small
// pictures, and the copies that were sent. Nothing here ever fails a page: where the browser keeps nothing (a private
// window, a full disk), it says so once and the page goes on.

window.popscore.saved = () => {
  const NAME = 'popscore';
  const STORES = ['photos', 'pictures', 'page'];
  let opened = null; // promise of the database, or of null
  let trouble = null;

  function open() {
    opened ??= new Promise((done) => {
      if (!window.indexedDB) return done(null);
      const asked = indexedDB.open(NAME, 1);
      asked.onupgradeneeded = () => {
        for (const store of STORES) asked.result.createObjectStore(store, {keyPath: store === 'page' ? undefined : 'id'});
      };
      asked.onsuccess = () => done(asked.result);
      asked.onerror = () => done(null);
      asked.onblocked = () => done(null);
    }).then(mine);
    return opened;
  }

  // One tab of the browser has the gallery; another one would write over it.
  async function mine(database) {
    if (!database || !navigator.locks) return database;
    const got = await new Promise((done) => {
      navigator.locks.request('popscore-gallery', {ifAvailable: true}, (lock) => {
        done(Boolean(lock));
        return lock ? new Promise(() => {}) : undefined; // held until the tab is closed
      });
    });
    if (!got) database.close();
    return got ? database : null;
  }

  // Does something in one go; all of it is kept, or nothing.
  async function within(stores, mode, work) {
    const database = await open();
    if (!database) return null;
    try {
      const going = database.transaction(stores, mode);
      const over = new Promise((done, fail) => {
        going.oncomplete = done;
        going.onabort = () => fail(going.error);
      });
      const answer = work(going);
      await over;
      return answer;
    } catch (error) {
      trouble = 'The browser does not keep what you decide: its storage is full or closed. A reload would lose it.';
      return null;
    }
  }

  const all = (store) => new Promise((done) => {
    within([store], 'readonly', (going) => {
      const asked = going.objectStore(store).getAll();
      asked.onsuccess = () => done(asked.result);
    }).then((answer) => { if (answer === null) done([]); });
  });

  return {
    get trouble() { return trouble; },
    // Photos as plain objects, without their pictures.
    photos: (photos) => within(['photos'], 'readwrite', (going) => {
      for (const photo of photos) going.objectStore('photos').put(photo);
      return true;
    }),
    // {id, small, copy}: blobs.
    pictures: (pictures) => within(['pictures'], 'readwrite', (going) => {
      going.objectStore('pictures').put(pictures);
      return true;
    }),
    page: (page) => within(['page'], 'readwrite', (going) => {
      going.objectStore('page').put(page, 'page');
      return true;
    }),
    // What was kept: {photos, pictures: Map, page}, or null.
    async found() {
      if (!(await open())) return null;
      const [photos, pictures, pages] = await Promise.all(STORES.map(all));
      if (!photos.length) return null;
      return {photos, pictures: new Map(pictures.map((one) => [one.id, one])), page: pages[0] || {}};
    },
    clear: () => within(STORES, 'readwrite', (going) => {
      for (const store of STORES) going.objectStore(store).clear();
      return true;
    }),
  };
};
