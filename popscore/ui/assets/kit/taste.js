// A person's own order: by choices between two of the photos, and by a memory bank that was brought along. All of it
// stays with the page, which sends it along when it asks for the order.

// `tab` is what the gallery lends: find, shots, server, pipeline, limits, say, smallOf, largeOf, reorder, changed.
window.popscore.taste = (tab) => {
  const {make, button, count} = window.popscore;
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

  function empty() {
    return {choices: [], skipped: [], on: false, decided: false, bank: null}; // choices: [winner, loser], as ids
  }

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

  // The upload of the bank's file; sent again where the server has it no longer.
  async function bankId() {
    const {bank} = own;
    if (!bank) return '';
    for (let tries = 0; tries < 2; tries += 1) {
      bank.sent ??= await window.popscore.sendFile(new File([bank.blob], bank.name));
      const answer = await server.take_bank({id: bank.sent, name: bank.name});
      if (!answer) throw new Error('no answer');
      if (answer.message) throw Object.assign(new Error(answer.message), {final: true});
      if (!answer.missing) {
        Object.assign(bank, answer);
        return bank.sent;
      }
      bank.sent = null;
    }
    throw new Error('no answer');
  }

  async function take(file) {
    const before = own.bank;
    own.bank = {name: file.name, blob: file, sent: null, words: '', posts: 0};
    tab.say('');
    try {
      await bankId();
    } catch (error) {
      own.bank = before;
      tab.say(error.final ? error.message : 'The bank did not arrive. Check the connection and try again.');
      return;
    }
    own.on = true;
    tab.changed();
    tab.reorder();
  }

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
      const bank = await bankId();
      lead.textContent = 'Which do you like better?';
      const answer = await pipeline.about(photos, (sent) => server.choose({
        photos: sent, bank, choices: placed(photos, own.choices), skipped: placed(photos, own.skipped)}));
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
    own.on = on;
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
      const bank = await bankId();
      const answer = await pipeline.about(photos, (sent) => server.save_taste({photos: sent, bank, choices: placed(photos, learnt())}));
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
    line.hidden = !made && !own.bank;
    const what = [made && count(made, 'choice', 'choices'), own.bank && `${own.bank.name}${own.bank.words ? ` (${own.bank.words})` : ''}`].filter(Boolean).join(' and ');
    line.querySelector('p').textContent = own.on ? `Ordered by your taste: ${what}.` : `Ordered by the score. Your taste is set aside: ${what}.`;
    const use_ = line.querySelector('[data-do=taste]');
    use_.textContent = own.on ? 'Order by the score' : 'Order by my taste';
  }

  return {
    learn, take, choose, skip, back, save, forget, draw: drawLine,
    use: (on = !own.on) => use(on),
    get on() { return own.on && (learnt().length > 0 || own.bank !== null); },
    // What is sent along with the question for the order of these photos.
    async sent(photos) {
      if (!own.on) return null;
      const bank = await bankId();
      const choices = placed(photos, learnt());
      return bank || choices.length ? {choices, bank, posts: Boolean(own.bank?.posts)} : null;
    },
    // Small pictures of posts of the bank.
    async neighbours(ids) {
      if (!own.bank?.posts || !ids.length) return [];
      const answer = await server.neighbours({bank: await bankId(), ids: ids.slice(0, 5)}).catch(() => null);
      return answer?.pictures || [];
    },
    // For the browser to keep, and what it has kept.
    get kept() { return {...own, bank: own.bank && {...own.bank, sent: null}}; },
    restore(kept) { own = {...empty(), ...kept}; },
  };
};
