// Small pictures of uploads that the browser cannot show itself, asked for when they are needed, and kept.

window.popscore.pictures = (load) => {
  const known = new Map(); // side and id -> promise of an address, or of null where there is no picture
  const waiting = [];
  let running = 0;

  // Few at a time, and those asked for last first: they are the ones on the screen now.
  function pump() {
    while (running < 3 && waiting.length) {
      const {id, side, resolve} = waiting.pop();
      running += 1;
      load(id, side).then((answer) => answer.image || null, () => null).then((address) => {
        running -= 1;
        resolve(address);
        if (!address) known.delete(`${side} ${id}`); // it may come the next time
        pump();
      });
    }
  }

  return {
    get(id, side) {
      const key = `${side} ${id}`;
      if (!known.has(key)) {
        known.set(key, new Promise((resolve) => { waiting.push({id, side, resolve}); }));
        pump();
      }
      return known.get(key);
    },
    clear: () => known.clear(),
  };
};
