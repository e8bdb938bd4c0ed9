// A photo in large with the explanation of its score, and two photos side by side: the two dialogs of a gallery.

// `tab` is what the gallery lends: find, limits, pictures, server, state, cards, byId, listed, draw, decide,
// answered.
window.popscore.photoViews = (tab) => {
  const {make, button, chip} = window.popscore;
  const {find, limits, pictures, server, state} = tab;
  const large = find('.pr-large');
  const versus = find('.pr-versus');
  const explained = new Map(); // id -> promise of the parts of its explanation
  let shown = null; // id of the photo in the large view

  function explanation(id) {
    if (!explained.has(id)) {
      explained.set(id, server.explain(state.model, state.photos.get(id)).catch(() => ({})));
    }
    return explained.get(id);
  }

  // The parts come from the server as HTML, with all foreign text escaped; until then their place is kept.
  async function explain(id) {
    const parts = large.querySelectorAll('[data-part]');
    for (const part of parts) part.classList.add('pr-waits');
    const answer = await explanation(id);
    if (id !== shown || !tab.answered(answer)) return;
    for (const part of parts) {
      part.innerHTML = answer[part.dataset.part] || '';
      part.classList.remove('pr-waits');
    }
  }

  function open(id) {
    if (shown !== id) explain(shown = id);
    if (!large.open) large.showModal();
    tab.draw();
    const list = tab.listed();
    const next = list[list.findIndex((result) => result.id === id) + 1];
    if (!next) return;
    pictures.get(next.id, limits.large); // so that the arrow key does not wait
    explanation(next.id);
  }

  function step(by) {
    const list = tab.listed();
    const at = list.findIndex((result) => result.id === shown);
    const to = list[at < 0 ? 0 : at + by];
    if (to) open(to.id);
  }

  function otherOf(result) {
    const other = button('', undefined, 'show');
    other.dataset.id = result.id;
    other.setAttribute('aria-label', `Rank ${result.rank}: ${result.file}`);
    const image = make('img');
    image.alt = '';
    pictures.fill(image, result.id, limits.small);
    other.append(image, make('span', '', result.score.toFixed(2)));
    return other;
  }

  function draw() {
    const result = shown && tab.byId(shown);
    if (!result) return;
    const stage = large.querySelector('.pr-stage');
    if (stage.firstChild?.dataset.id !== result.id) {
      stage.replaceChildren(pictures.large(result.id, result.file, limits.large, limits.small));
    }
    large.querySelector('.pr-place').textContent = `${result.rank} of ${state.results.length}`;
    large.querySelector('.pr-name').textContent = `${result.file}, ${result.width} x ${result.height}`;
    large.querySelector('.pr-close-call').hidden = !result.too_close;
    tab.cards.pressed(large, result.id);
    const others = state.results.filter((other) => other.group === result.group && other.id !== result.id);
    large.querySelector('.pr-others').hidden = !others.length;
    large.querySelector('.pr-others div').replaceChildren(...others.map(otherOf));
  }

  function pick(id) {
    state.picked = state.picked.includes(id)
      ? state.picked.filter((one) => one !== id) : [...state.picked, id].slice(-2);
    if (state.picked.length === 2) compare();
    else if (state.picked.length === 1) large.close();
    tab.draw();
  }

  function sideOf(result) {
    const figure = make('figure');
    const words = make('figcaption');
    words.append(make('span', '', `${result.rank}. ${result.file}`), chip(result));
    figure.append(pictures.large(result.id, result.file, limits.large, limits.small), words);
    return figure;
  }

  async function compare() {
    const pair = state.picked.map(tab.byId);
    if (pair.length < 2 || pair.some((result) => !result)) return;
    large.close();
    versus.querySelector('.pr-pair').replaceChildren(...pair.map(sideOf));
    const verdict = versus.querySelector('.pr-verdict');
    verdict.textContent = '';
    if (!versus.open) versus.showModal();
    const sent = pair.map(({id}) => state.photos.get(id));
    const answer = await server.verdict(state.model, ...sent).catch(() => ({message: 'There was no answer. Try again.'}));
    if (answer.stale) versus.close();
    if (tab.answered(answer)) verdict.textContent = answer.verdict;
    else if (versus.open) verdict.textContent = answer.message || '';
  }

  for (const dialog of [large, versus]) {
    dialog.addEventListener('close', () => {
      if (dialog.open) return; // the event comes late: the view is open again, with another photo
      if (dialog === versus) state.picked = [];
      else {
        tab.cards.focus(shown);
        shown = null;
      }
      tab.draw();
    });
    dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  }

  // Arrows, K, X and C, for the photo in the large view, else for the card that has the focus.
  function keys(root) {
    // On the document: in a large view the focus may lie on nothing.
    document.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input, textarea, select')) return;
      if (!root.isConnected || !root.checkVisibility()) return;
      const id = large.open ? shown : event.target.closest('.ps-card')?.dataset.id;
      const key = event.key.toLowerCase();
      const by = {arrowright: 1, arrowleft: -1}[key];
      if (by && large.open) step(by);
      else if (by && id) tab.cards.focusBeside(id, by);
      else if (id && key === 'k') tab.decide(id, 'keep');
      else if (id && key === 'x') tab.decide(id, 'reject');
      else if (id && key === 'c') pick(id);
      else return;
      event.preventDefault();
    });
  }

  return {
    keys, open, step, draw, pick, compare,
    get shown() { return large.open ? shown : null; },
    // What was said by another model, or about other photos, is forgotten.
    forget() {
      explained.clear();
      if (shown) explain(shown);
    },
  };
};
