// A closer look at one photo: why it has its score, crops, edits, facts, a card to share. One part for all tabs.
//
// Each view registers itself in `popscore.lookViews` and draws into the picture and the words that it is lent. Nothing
// is asked of the server before somebody opens a view, and what was answered about a photo is kept as long as it is
// looked at.

window.popscore.lookViews = {}; // name -> {label, show(look), hide?(look), key?(look, event)}

// `server` as Gradio gives it; `views` are the names of those that are offered.
window.popscore.look = (root, {server, views}) => {
  const {make, button} = window.popscore;
  const known = new Map(); // view or question -> promise of the answer
  let source = null; // the photo, see `open`
  let current = null; // name of the view
  let turn = 0;

  const tabs = make('div', 'pl-tabs');
  tabs.setAttribute('role', 'tablist');
  tabs.setAttribute('aria-label', 'A closer look');
  const picture = make('div', 'pl-picture');
  const frame = make('div', 'pl-frame');
  const image = make('img');
  image.draggable = false;
  const over = make('div', 'pl-over');
  frame.append(image, over);
  picture.append(frame);
  const words = make('div', 'pl-words');
  const doing = make('p', 'pl-doing');
  doing.setAttribute('role', 'status');
  const message = make('p', 'ps-message');
  message.hidden = true;
  const inside = make('div', 'pl-inside');
  words.append(doing, message, inside);
  const body = make('div', 'pl-body');
  body.setAttribute('role', 'tabpanel');
  body.append(picture, words);
  for (const name of views) {
    const tab = button('', window.popscore.lookViews[name].label);
    tab.setAttribute('role', 'tab');
    tab.dataset.view = name;
    tabs.append(tab);
  }
  root.append(tabs, body);

  function say(text, calm = false) {
    message.setAttribute('role', calm ? 'status' : 'alert');
    message.textContent = text || '';
    message.hidden = !text;
  }

  // What a view can do. `alive()` is false once another view or photo is shown: its late answers are dropped.
  function lend() {
    const mine = turn;
    const look = {
      source, frame, over, picture, words: inside, image, say, server,
      alive: () => mine === turn,
      // Asks once, and again if the server does not have the photo any more. Gives null where nothing is to be shown.
      async ask(key, sentence, question, {original = false} = {}) {
        say('');
        doing.textContent = sentence;
        root.dataset.busy = '';
        if (!known.has(key)) known.set(key, answered(source, question, original));
        let answer;
        try {
          answer = await known.get(key);
        } catch (error) {
          answer = {message: error.final ? error.message : 'There was no answer. Check the connection and try again.'};
        }
        if (!answer || answer.message || answer.missing) known.delete(key);
        if (mine !== turn) return null;
        delete root.dataset.busy;
        doing.textContent = '';
        if (answer?.missing) answer = {message: 'The photo is not on the server any more. Add it again.'};
        if (answer?.message) {
          say(answer.message);
          return null;
        }
        return answer;
      },
      // Has a file made, and saves it.
      async save(sentence, question) {
        const answer = await look.ask(`save ${Date.now()}`, sentence, question, {original: true});
        if (answer?.file) window.popscore.save(answer.file, answer.name);
        return answer;
      },
    };
    return look;
  }

  async function answered(photo, question, original) {
    for (let tries = 0; ; tries += 1) {
      const id = await (original ? photo.original() : photo.sent());
      const answer = await question({id, name: photo.name});
      if (!answer) throw new Error('no answer');
      if (!answer.missing || tries || !photo.lost) return answer;
      photo.lost();
    }
  }

  function draw() {
    for (const tab of tabs.children) {
      const here = tab.dataset.view === current;
      tab.setAttribute('aria-selected', here);
      tab.tabIndex = here ? 0 : -1;
      // On a phone the row is longer than the screen.
      if (here) tabs.scrollTo({left: tab.offsetLeft - tabs.offsetLeft - 16});
    }
  }

  function show(name) {
    turn += 1;
    current = name;
    delete root.dataset.busy;
    doing.textContent = '';
    say('');
    over.replaceChildren();
    inside.replaceChildren();
    root.dataset.view = name;
    body.setAttribute('aria-label', window.popscore.lookViews[name].label);
    place(source.width, source.height);
    image.alt = source.name;
    const photo = source;
    const mine = turn;
    photo.picture().then((address) => {
      if (mine === turn && address && image.getAttribute('src') !== address) image.src = address;
    });
    draw();
    window.popscore.lookViews[name].show(lend());
  }

  // The frame has the shape of the photo, so that what lies over it can count in shares of its sides.
  function place(width, height) {
    frame.style.setProperty('--pl-ratio', Math.max(0.02, Math.min(50, width / height || 1)));
  }

  tabs.addEventListener('click', (event) => {
    const tab = event.target.closest('[data-view]');
    if (tab) show(tab.dataset.view);
  });
  tabs.addEventListener('keydown', (event) => {
    const by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!by) return;
    const to = (views.indexOf(current) + by + views.length) % views.length;
    event.preventDefault();
    event.stopPropagation();
    show(views[to]);
    tabs.children[to].focus();
  });

  return {
    // `photo`: {key, name, width, height, result, picture(), sent(), original(), lost?()}: the last three give promises
    // of an address to show, and of the upload that is scored, and of the upload in full size.
    open(photo, view) {
      if (photo.key !== source?.key) {
        known.clear();
        image.removeAttribute('src');
      }
      source = photo;
      root.hidden = false;
      show(view || current || views[0]);
      tabs.children[views.indexOf(current)].focus({preventScroll: true});
    },
    forget() {
      turn += 1;
      known.clear();
      source = null;
    },
    close() {
      turn += 1;
      root.hidden = true;
    },
    get view() { return root.hidden ? null : current; },
  };
};

// Sends a file to the server; gives the id of the upload.
window.popscore.sendFile = async (file, {signal} = {}) => {
  const form = new FormData();
  form.append('files', file, file.name);
  const answer = await fetch('gradio_api/upload', {method: 'POST', body: form, signal});
  if (answer.status === 413) throw Object.assign(new Error(`${file.name} is too large for this server.`), {final: true});
  if (!answer.ok) throw new Error(String(answer.status));
  return (await answer.json())[0];
};

// A difference of scores with its sign, as `+0.42`.
window.popscore.signed = (value) => `${value < 0 ? '\u2212' : '+'}${Math.abs(value).toFixed(2)}`;
