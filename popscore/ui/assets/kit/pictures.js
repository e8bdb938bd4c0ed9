// Small pictures of uploads, asked for when they are needed, and kept.

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
        pump();
      });
    }
  }

  function get(id, side) {
    const key = `${side} ${id}`;
    if (!known.has(key)) {
      known.set(key, new Promise((resolve) => { waiting.push({id, side, resolve}); }));
      pump();
    }
    return known.get(key);
  }

  async function fill(image, id, side) {
    image.dataset.id = id;
    const address = await get(id, side);
    if (address && image.dataset.id === id) image.src = address;
  }

  const seen = new IntersectionObserver((entries) => {
    for (const {isIntersecting, target} of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      fill(target, target.dataset.id, Number(target.dataset.side));
    }
  }, {rootMargin: '400px'});

  return {
    get,
    fill,
    // Filled once it comes near the screen.
    fillLater(image, id, side) {
      Object.assign(image.dataset, {id, side});
      seen.observe(image);
    },
    // An image of a photo in large; a small one that is there already stands in for it.
    large(id, name, side, smallSide) {
      const image = window.popscore.make('img');
      image.alt = name;
      fill(image, id, side);
      known.get(`${smallSide} ${id}`)?.then((address) => { if (address && !image.src) image.src = address; });
      return image;
    },
    clear: () => known.clear(),
  };
};
