// What is said about a photo that one face fills much of: how popular as a selfie, and the expressions of each face.

// `root` is an element that is hidden as long as there is nothing to say; `server` as Gradio gives it.
window.popscore.selfie = (root, {server}) => {
  const {make} = window.popscore;
  const AROUND = 0.35; // of a face's side that is shown on each side of it
  const AGAIN_MS = 2000;
  let turn = 0;

  const percent = (value) => `${Math.round(100 * value)} %`;

  function bar(name, value, strongest) {
    const row = make('div', 'pf-row');
    row.dataset.strongest = strongest;
    const line = make('div', 'pf-bar');
    line.append(make('i'));
    line.firstChild.style.width = `${100 * value}%`;
    row.append(make('span', '', name), line, make('span', 'pf-value', percent(value)));
    return row;
  }

  // The face, cut out of the picture that the page shows: a square within it.
  function cut(image, [left, top, right, bottom]) {
    const canvas = make('canvas', 'pf-cut');
    Object.assign(canvas, {width: 192, height: 192});
    const wide = image.naturalWidth;
    const high = image.naturalHeight;
    const side = Math.min(Math.max((right - left) * wide, (bottom - top) * high) * (1 + 2 * AROUND), wide, high);
    const from = (middle, length) => Math.max(0, Math.min(length - side, middle * length - side / 2));
    const x = from((left + right) / 2, wide);
    const y = from((top + bottom) / 2, high);
    canvas.getContext('2d').drawImage(image, x, y, side, side, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  function faceOf(face, image) {
    const figure = make('figure', 'pf-face');
    const bars = make('div', 'pf-bars');
    const most = Math.max(...face.expressions.map(([, value]) => value));
    bars.append(...face.expressions.map(([name, value]) => bar(name, value, value === most)));
    const caption = make('figcaption', '', face.words);
    if (image) figure.append(cut(image, face.box));
    figure.append(caption, bars);
    return figure;
  }

  async function pictureOf(photo) {
    const address = await photo.picture();
    if (!address) return null;
    const image = make('img');
    image.src = address;
    await image.decode().catch(() => {});
    return image.naturalWidth ? image : null;
  }

  function draw(found, image) {
    const head = make('div', 'pf-head');
    head.append(
      make('h2', 'ps-lead', 'As a selfie'), make('p', 'pf-seen', found.seen), bar(found.name, found.probability, true),
      make('p', '', found.meaning), make('p', 'ps-said', found.note));
    const faces = make('div', 'pf-faces');
    faces.append(...found.faces.map((face) => faceOf(face, image)));
    if (found.more) faces.append(make('p', 'ps-said', found.more));
    root.replaceChildren(head, faces);
    root.hidden = false;
  }

  // Asks once more after a while where there was no answer, or the server had too much to do. Nobody waits for it, so
  // there is no third time, and no message.
  async function asked(photo, alive) {
    const ask = () => server.selfie({id: photo.id, name: photo.name}).catch(() => null);
    const found = await ask();
    if ((found && !found.busy) || !alive()) return found;
    await new Promise((done) => setTimeout(done, AGAIN_MS));
    return alive() ? ask() : null;
  }

  return {
    // Once the score of the photo is there.
    async seek(photo) {
      turn += 1;
      const mine = turn;
      const alive = () => mine === turn;
      root.hidden = true;
      if (!photo) return;
      const found = await asked(photo, alive);
      if (!alive() || !found?.is_selfie) return;
      const image = await pictureOf(photo);
      if (alive()) draw(found, image);
    },
  };
};
