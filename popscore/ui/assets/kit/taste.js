// A person's own order: by choices between two of the photos, and by the memory bank of the page. All of it stays with
// the page, which sends it along when it asks for the order.

// `tab` is what the gallery lends: find, shots, server, pipeline, limits, say, smallOf, largeOf, reorder, changed.
window.popscore.taste = (tab) => {
  const {make, button, count, bank} = window.popscore;
  const {find, shots, server, pipeline} = tab;
  const dialog = find('.pr-choose');
  const sides = dialog.querySelector('.pr-sides');
  const lead = dialog.querySelector('.ps-lead');
  const trust = dialog.querySelector('.pr-trust');
  const FEWEST = 4; // photos, with less there is nothing to learn
  const MOST_DECIDED = 60; // pairs that are made of what was kept and rejected
  let own = empty();
  let pair = null; // ids of the photos that are asked about
  let wanted = 15;
  let turn = 0;

  // choices: [winner, loser], as ids. `on`: they are used; `aside`: neither they nor the bank are, by the person's wish.
  function empty() {
    return {choices: [], skipped: [], on: false, aside: false, decided: false};
  }
  const used = () => !own.aside && (own.on || bank.current !== null);

  const ready = () => shots.placed().filter((photo) => !photo.result.warning && (photo.sent || photo.copy));
  const placed = (photos, pairs) => {
    const at = new Map(photos.map((photo, place) => [photo.id, place]));
    return pairs.map((ids) => ids.map((id) => at.get(id))).filter((places) => places.every((place) => place !== undefined));
  };

  // What was kept is better than what was rejected: of the same scene where there is one, else of a photo near in rank.
  function decided() {
    if (!own.decided) return [];
    const all = shots.placed();
    const kept = all.filter((photo) => photo.decision === 'keep');
    const made = [];
    for (const photo of all) {
      if (photo.decision !== 'reject' || !kept.length || made.length >= MOST_DECIDED) continue;
      const far = (other) => (shots.sceneOf(other) === shots.sceneOf(photo) ? -1 : Math.abs(other.result.place - photo.result.place));
      const better = kept.reduce((best, other) => (far(other) < far(best) ? other : best));
      made.push([better.id, photo.id]);
    }
    return made;
  }
  const learnt = () => [...decided(), ...own.choices];

  // --- the bank ----------------------------------------------------------------------------------------

  let known = bank.current?.key; // of the bank that the order goes by
  bank.watch((now) => {
    if (now?.key === known) return;
    known = now?.key;
    if (now) own.aside = false;
    if (!shots.count) return;
    tab.changed();
    tab.reorder();
  });

  // --- choosing ----------------------------------------------------------------------------------------

  async function learn() {
    const photos = ready();
    if (photos.length < FEWEST) {
      tab.say(`${FEWEST} photos are needed to choose from. Add some.`);
      return;
    }
    tab.enter(dialog);
    draw(null);
    await ask();
  }

  // Has the server look at photos, some at a time, so that the next question is answered at once.
  async function look(photos, mine) {
    for (let at = 0; at < photos.length && mine === turn; at += tab.limits.seen) {
      lead.textContent = `Looking at your photos: ${at} of ${photos.length}`;
      const answer = await pipeline.about(photos.slice(at, at + tab.limits.seen), (sent) => server.seen({photos: sent}));
      if (!answer) throw new Error('no answer');
      if (answer.message) throw Object.assign(new Error(answer.message), {final: true});
    }
  }

  let looked = ''; // ids of the photos that the server has looked at
  async function ask() {
    const mine = (turn += 1);
    dialog.dataset.busy = '';
    try {
      const photos = ready();
      const key = photos.map((photo) => photo.sent).join();
      if (key !== looked) await look(photos, mine);
      if (mine !== turn) return;
      const banked = await bank.id();
      lead.textContent = 'Which do you like better?';
      const answer = await pipeline.about(photos, (sent) => server.choose({
        photos: sent, bank: banked, choices: placed(photos, own.choices), skipped: placed(photos, own.skipped)}));
      if (mine !== turn) return;
      if (!answer) throw new Error('no answer');
      if (answer.message) throw Object.assign(new Error(answer.message), {final: true});
      looked = photos.map((photo) => photo.sent).join();
      wanted = answer.wanted;
      delete dialog.dataset.busy;
      trust.textContent = answer.words;
      draw(answer.pair && answer.pair.map((place) => photos[place].id));
    } catch (error) {
      if (mine !== turn) return;
      delete dialog.dataset.busy;
      lead.textContent = error.final ? error.message : 'There was no answer. Your choices are kept: close this, and go on later.';
    }
  }

  function draw(ids) {
    pair = ids;
    sides.replaceChildren(...(ids || []).map((id, at) => {
      const photo = shots.get(id);
      const side = button('pr-choice', undefined, 'choice');
      side.dataset.at = at;
      side.setAttribute('aria-label', `${at ? 'Right' : 'Left'}: ${photo.name}`);
      const image = make('img');
      image.alt = '';
      tab.smallOf(photo).then((address) => { if (address && !image.src) image.src = address; });
      tab.largeOf(photo).then((address) => { if (address) image.src = address; });
      side.append(image);
      return side;
    }));
    const made = own.choices.length;
    lead.textContent = ids ? `Which do you like better? ${made + 1} of ${Math.max(wanted, made + 1)}`
      : made && !('busy' in dialog.dataset) ? 'All pairs have been asked about.' : lead.textContent;
    dialog.querySelector('[data-do=choiceBack]').disabled = !made && !own.skipped.length;
    dialog.querySelector('[data-do=cannotSay]').disabled = !ids;
    const done = dialog.querySelector('[data-do=byTaste]');
    done.disabled = !learnt().length;
    done.textContent = made >= wanted ? 'Order by my taste' : `Order now (${made})`;
    done.classList.toggle('ps-primary', made >= wanted);
    const kept = shots.all().filter((photo) => photo.decision).length;
    dialog.querySelector('.pr-count-too').hidden = !kept;
    dialog.querySelector('.pr-count-too input').checked = own.decided;
  }

  function choose(at) {
    if (!pair || 'busy' in dialog.dataset || !pair[at]) return;
    own.choices.push([pair[at], pair[1 - at]]);
    tab.changed();
    ask();
  }

  function skip() {
    if (!pair || 'busy' in dialog.dataset) return;
    own.skipped.push(pair);
    tab.changed();
    ask();
  }

  function back() {
    if ('busy' in dialog.dataset) return;
    if (own.choices.length) own.choices.pop();
    else own.skipped.pop();
    tab.changed();
    ask();
  }

  dialog.querySelector('.pr-count-too input').addEventListener('change', (event) => {
    own.decided = event.target.checked;
    tab.changed();
    draw(pair);
  });
  dialog.addEventListener('close', () => {
    turn += 1;
    drawLine();
  });
  dialog.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === 'arrowleft' || key === '1') choose(0);
    else if (key === 'arrowright' || key === '2') choose(1);
    else if (key === 's') skip();
    else if (key === 'backspace') back();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // --- the order ---------------------------------------------------------------------------------------

  function use(on) {
    Object.assign(own, {on, aside: !on});
    tab.changed();
    dialog.close();
    tab.reorder();
  }

  function forget() {
    own = empty();
    tab.changed();
    tab.reorder();
  }

  async function save() {
    const photos = ready();
    tab.say('Writing down what was learnt.', true);
    try {
      const banked = await bank.id();
      const answer = await pipeline.about(photos, (sent) => server.save_taste({photos: sent, bank: banked, choices: placed(photos, learnt())}));
      tab.say(answer?.message || (answer ? '' : 'The file could not be made. Try again.'));
      if (answer?.file) window.popscore.save(answer.file, answer.name);
    } catch (error) {
      tab.say(error.final ? error.message : 'The file could not be made. Check the connection and try again.');
    }
  }

  // What stands over the photos while there is something that was learnt.
  function drawLine() {
    const line = find('.pr-taste');
    const made = learnt().length;
    const {current} = bank;
    line.hidden = !shots.count || (!made && !current);
    if (line.hidden) return;
    const by = [made && count(made, 'choice', 'choices'), current && bank.described()].filter(Boolean).join(' and ');
    const whose = current?.posts ? 'for people who follow you' : 'by your taste';
    const aside = made ? 'Your taste is' : 'Your memory bank is';
    line.querySelector('p').textContent = used() ? `Ordered ${whose}: ${by}.` : `Ordered by the score. ${aside} set aside: ${by}.`;
    line.querySelector('[data-do=taste]').textContent = used() ? 'Order by the score' : made ? 'Order by my taste' : 'Order by my bank';
    line.querySelector('[data-do=learn]').textContent = made ? 'More choices' : 'Learn my taste';
    for (const what of ['saveTaste', 'forgetTaste']) line.querySelector(`[data-do=${what}]`).hidden = !made;
  }

  return {
    learn, choose, skip, back, save, forget, draw: drawLine,
    use: (on = !used()) => use(on),
    // What is sent along with the question for the order of these photos.
    async sent(photos) {
      if (!used()) return null;
      const banked = await bank.id();
      const choices = placed(photos, learnt());
      return banked || choices.length ? {choices, bank: banked} : null;
    },
    // For the browser to keep, and what it has kept.
    get kept() { return {...own}; },
    async restore(kept) {
      const {bank: old, ...rest} = kept || {};
      own = {...empty(), ...rest};
      await bank.adopt(old);
      known = bank.current?.key;
    },
  };
};
