// A photo in large with the explanation of its score, a closer look at it, and two to four photos side by side: the
// dialogs of a gallery.

// `tab` is what the gallery lends: find, shots, grid, server, model, listed, draw, decide, change, largeOf, smallOf,
// sentOf, originalOf.
window.popscore.photoViews = (tab) => {
  const {make, button, chip} = window.popscore;
  const {find, shots} = tab;
  const large = find('.pr-large');
  const versus = find('.pr-versus');
  const closer = find('.pr-look');
  const explained = new Map(); // id -> promise of the parts of its explanation
  let shown = null; // id of the photo in the large view
  let duel = null; // {sides: [id], waiting: [id], beaten: [id], over}
  let verdicts = 0;

  const zoom = window.popscore.zoom(large.querySelector('.pr-stage'), {swipe: (by) => step(by)});
  const together = window.popscore.zoom(versus.querySelector('.pr-sides'));
  const look = window.popscore.look(
    closer.querySelector('.ps-look'), {server: tab.server, views: ['why', 'crop', 'try', 'facts', 'share']});
  const maps = new Map(); // id -> promise of where its score comes from
  let leaving = 0; // steps back in the history that come from here

  // --- the large view --------------------------------------------------------------------------------

  // As the general score says it.
  const rowOf = (photo) => ({...shots.rows().find((row, at) => shots.placed()[at].id === photo.id), ...photo.result.general});

  function explanation(photo) {
    if (!explained.has(photo.id)) {
      explained.set(photo.id, tab.server.explain(tab.model(), rowOf(photo)).catch(() => ({})));
    }
    return explained.get(photo.id);
  }

  // The parts come from the server as HTML, with all foreign text escaped; until then their place is kept.
  async function explain(photo) {
    const parts = large.querySelectorAll('[data-part]');
    for (const part of parts) part.classList.add('pr-waits');
    const answer = await explanation(photo);
    if (photo.id !== shown) return;
    large.querySelector('.pr-silent').textContent = answer.message || '';
    for (const part of parts) {
      part.innerHTML = answer[part.dataset.part] || '';
      part.classList.remove('pr-waits');
    }
  }

  // On a phone, Back leaves a view and not the page.
  function enter(dialog) {
    if (dialog.open) return;
    dialog.showModal();
    history.pushState({popscore: 'view'}, '');
  }
  window.addEventListener('popstate', () => {
    if (leaving) leaving -= 1;
    else [closer, versus, find('.pr-choose'), large].find((dialog) => dialog.open)?.close('back');
  });

  function open(id) {
    const photo = shots.get(id);
    if (!photo?.result) return;
    if (shown !== id) {
      shown = id;
      explain(photo);
    }
    enter(large);
    draw();
    const list = tab.listed();
    const next = list[list.findIndex((one) => one.id === id) + 1];
    if (next?.result) {
      tab.largeOf(next); // so that the arrow key does not wait
      explanation(next);
    }
  }

  function step(by) {
    const list = tab.listed().filter((photo) => photo.result);
    const at = list.findIndex((photo) => photo.id === shown);
    const to = list[at < 0 ? 0 : at + by];
    if (to) open(to.id);
    return Boolean(to);
  }

  // A picture of the photo as it is on this machine; what the browser cannot show comes from the server.
  function picture(photo) {
    const image = make('img');
    image.alt = photo.name;
    image.draggable = false;
    image.dataset.id = photo.id;
    tab.smallOf(photo).then((address) => { if (address && !image.src) image.src = address; });
    tab.largeOf(photo).then((address) => { if (address) image.src = address; });
    return image;
  }

  function otherOf(photo) {
    const other = button('', undefined, 'show');
    other.dataset.id = photo.id;
    other.dataset.decided = photo.decision || '';
    other.setAttribute('aria-label', `Rank ${photo.result.rank}: ${photo.name}`);
    other.setAttribute('aria-current', photo.id === shown);
    const image = make('img');
    image.alt = '';
    tab.smallOf(photo).then((address) => { if (address) image.src = address; });
    other.append(image, make('span', '', window.popscore.shortScore(photo.result)));
    return other;
  }

  function draw() {
    if (duel) drawDuel();
    const photo = shown && shots.get(shown);
    if (!photo?.result) return;
    const pane = large.querySelector('.pr-stage .pr-pane');
    if (pane.firstChild?.dataset.id !== photo.id) {
      pane.replaceChildren(picture(photo));
      zoom.draw();
    }
    const ranked = shots.placed();
    large.querySelector('.pr-place').textContent = `${photo.result.rank} of ${ranked.length}`;
    large.querySelector('.pr-name').textContent = `${photo.name}, ${photo.width} x ${photo.height}`;
    const why = [photo.result.reason && `In its scene: ${photo.result.reason}.`, tab.peopleOn(photo)].filter(Boolean);
    large.querySelector('.pr-reason').hidden = !why.length;
    large.querySelector('.pr-reason').textContent = why.join(' ');
    drawPersonal(photo);
    const tier = ranked.filter((other) => other.result.tier === photo.result.tier);
    large.querySelector('.pr-close-call').hidden = tier.length < 2;
    large.querySelector('.pr-close-call').textContent = `Too close to call among the ${tier.length} of tier ${photo.result.tier}.`;
    tab.grid.pressed(large, photo.decision);
    const scene = ranked.filter((other) => shots.sceneOf(other) === shots.sceneOf(photo));
    const strip = large.querySelector('.pr-others');
    strip.hidden = scene.length < 2;
    strip.querySelector('div').replaceChildren(...scene.map(otherOf));
    large.querySelector('[data-do=duel]').hidden = scene.length < 2;
    large.querySelector('[data-do=apart]').hidden = scene.length < 2;
  }

  // What the person's own choices and posts say, with the posts that are like it.
  function drawPersonal(photo) {
    const {personal, general} = photo.result;
    const box = large.querySelector('.pr-personal');
    box.hidden = !personal;
    const of = personal ? `${photo.id} ${JSON.stringify(personal)} ${window.popscore.bank.current?.key}` : '';
    if (box.dataset.of === of) return;
    box.dataset.of = of;
    if (personal) box.replaceChildren(window.popscore.ownPart(personal, {after: `By the score alone ${general.score.toFixed(2)}, see below.`}));
    else box.replaceChildren();
  }

  // After a decision the next photo comes, unless that is switched off.
  function decided() {
    if (large.open && large.querySelector('.pr-advance input').checked) step(1);
  }

  // --- a closer look ---------------------------------------------------------------------------------

  const sourceOf = (photo) => ({
    key: `${photo.id} ${tab.model()}`, name: photo.name, width: photo.width, height: photo.height, result: photo.result,
    picture: () => tab.largeOf(photo),
    sent: () => tab.sentOf(photo),
    original: () => tab.originalOf(photo),
    lost() { photo.sent = photo.original = null; },
  });

  function lookAt(view) {
    const photo = shown && shots.get(shown);
    if (!photo?.result) return;
    closer.querySelector('.pr-name').textContent = photo.name;
    enter(closer);
    look.open(sourceOf(photo), view);
  }

  // --- side by side ----------------------------------------------------------------------------------

  function sideOf(photo, at) {
    const figure = make('figure');
    const pane = make('div', 'pr-pane');
    pane.append(picture(photo));
    const words = make('figcaption');
    const choose = button('', undefined, 'better');
    choose.dataset.at = at;
    choose.append(make('kbd', '', at + 1), make('span', '', 'Better'));
    const said = make('span', 'pr-name', `${photo.result.rank}. ${photo.name}`);
    words.append(said, chip(photo.result), choose);
    figure.append(pane, words);
    figure.dataset.id = photo.id;
    return figure;
  }

  function drawDuel() {
    const sides = versus.querySelector('.pr-sides');
    const have = [...sides.children].map((one) => one.dataset.id).join();
    if (have !== duel.sides.join()) {
      sides.dataset.count = duel.sides.length;
      sides.replaceChildren(...duel.sides.map((id, at) => sideOf(shots.get(id), at)));
      together.draw();
      judge();
      drawMaps();
    }
    for (const one of versus.querySelectorAll('[data-do=better]')) one.hidden = duel.over;
    versus.querySelector('[data-do=settle]').hidden = !duel.over || !duel.beaten.length;
    versus.querySelector('.pr-left').textContent = duel.over
      ? '' : duel.waiting.length ? `${duel.waiting.length} more to come.` : '';
  }

  // Over each photo where its score comes from, if that is asked for.
  const mapsAsked = () => versus.querySelector('[data-do=maps]').getAttribute('aria-pressed') === 'true';
  function drawMaps() {
    for (const old of versus.querySelectorAll('.pl-fit')) old.remove();
    if (!mapsAsked()) return;
    for (const figure of versus.querySelectorAll('figure')) drawMap(figure, shots.get(figure.dataset.id));
  }

  async function drawMap(figure, photo) {
    if (!maps.has(photo.id)) {
      maps.set(photo.id, tab.sentOf(photo).then((id) => tab.server.why({id, name: photo.name})).catch(() => null));
    }
    const why = await maps.get(photo.id);
    if (!why?.grid) {
      maps.delete(photo.id);
      return;
    }
    const pane = figure.querySelector('.pr-pane');
    if (!mapsAsked() || pane.querySelector('.pl-fit')) return;
    const fit = make('div', 'pl-fit');
    const inside = make('div');
    inside.style.setProperty('--pl-ratio', photo.width / photo.height);
    inside.append(window.popscore.mapOver(why));
    fit.append(inside);
    pane.append(fit);
    together.draw();
  }

  function toggleMaps() {
    versus.querySelector('[data-do=maps]').setAttribute('aria-pressed', !mapsAsked());
    drawMaps();
  }

  async function judge() {
    const turn = (verdicts += 1);
    const verdict = versus.querySelector('.pr-verdict');
    verdict.textContent = '';
    if (duel.sides.length < 2) {
      verdict.textContent = `${shots.get(duel.sides[0]).name} is the one you chose.`;
      return;
    }
    const sides = versus.querySelectorAll('figure');
    const stacked = sides.length === 2 && sides[1].offsetTop > sides[0].offsetTop;
    const scores = duel.sides.map((id) => shots.get(id).result.score);
    const answer = await tab.server.verdict(tab.model(), scores, stacked).catch(() => ({message: 'There was no answer. Try again.'}));
    if (turn === verdicts) verdict.textContent = answer.verdict || answer.message || '';
  }

  // Photos against each other: as many as there are sides at one time, the others after them.
  function compare(ids, sides = Math.min(4, ids.length)) {
    const known = ids.filter((id) => shots.get(id)?.result);
    if (known.length < 2) return;
    duel = {sides: known.slice(0, sides), waiting: known.slice(sides), beaten: [], over: false};
    together.reset();
    versus.querySelector('.pr-sides').replaceChildren();
    enter(versus);
    drawDuel();
  }

  // The better one stays where it is; the next ones take the places of the others.
  function better(at) {
    if (!duel || duel.over || !duel.sides[at]) return;
    const winner = duel.sides[at];
    duel.beaten.push(...duel.sides.filter((id) => id !== winner));
    const sides = duel.sides.map((id) => (id === winner ? id : duel.waiting.shift() ?? null)).filter(Boolean);
    duel.sides = sides;
    duel.over = sides.length < 2;
    drawDuel();
  }

  function settle() {
    const [winner] = duel.sides;
    tab.change('Keep the better one', [
      [winner, {decision: 'keep'}], ...duel.beaten.map((id) => [id, {decision: 'reject'}])]);
    versus.close();
  }

  for (const dialog of [large, versus, closer, find('.pr-choose')]) {
    dialog.addEventListener('close', () => {
      if (dialog.open) return; // the event comes late: the view is open again, with another photo
      if (dialog.returnValue !== 'back' && history.state?.popscore === 'view') {
        leaving += 1;
        history.back();
      }
      dialog.returnValue = '';
      if (dialog === closer) look.close();
      else if (dialog.matches('.pr-choose')) tab.draw();
      else if (dialog === versus) {
        duel = null;
        tab.unpick();
      } else {
        const last = shown;
        shown = null;
        zoom.reset();
        tab.draw();
        tab.grid.focus(last); // where one was
      }
    });
  }

  // --- keys ------------------------------------------------------------------------------------------

  function keys(root, actions) {
    // On the document: in a large view the focus may lie on nothing.
    document.addEventListener('keydown', (event) => {
      if (!root.isConnected || !root.checkVisibility()) return;
      if (event.target.matches('input:not([type=checkbox]), textarea, select')) return;
      const key = event.key.toLowerCase();
      if ((event.ctrlKey || event.metaKey) && key === 'z' && !event.shiftKey) {
        event.preventDefault();
        actions.undo();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (closer.open || find('.pr-choose').open) return; // they have keys of their own
      const id = large.open ? shown : event.target.closest('.ps-card')?.dataset.id;
      if (versus.open) {
        if (/^[1-4]$/.test(key)) better(Number(key) - 1);
        else if (key === 'z') together.toggle();
        else return;
      } else if (large.open && (key === 'arrowright' || key === 'arrowleft')) step(key === 'arrowright' ? 1 : -1);
      else if (large.open && key === 'z') zoom.toggle();
      else if (large.open && key === 'f') fullScreen();
      else if (id && /^(arrow|home|end)/.test(key) && !large.open) tab.grid.move(id, key);
      else if (id && key === 'k') tab.decide(id, 'keep');
      else if (id && key === 'x') tab.decide(id, 'reject');
      else if (id && key === 'c') tab.pick(id);
      else return;
      event.preventDefault();
    });
  }

  function fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else large.requestFullscreen?.().catch(() => {});
  }

  return {
    keys, open, step, draw, enter, compare, better, settle, decided, fullScreen, lookAt, toggleMaps,
    zoom: () => zoom.toggle(),
    get shown() { return large.open ? shown : null; },
    get comparing() { return versus.open; },
    // What was said by another model, or about other photos, is forgotten.
    forget() {
      explained.clear();
      maps.clear();
      look.forget();
    },
    close() {
      for (const dialog of [closer, versus, find('.pr-choose'), large]) if (dialog.open) dialog.close();
    },
  };
};
