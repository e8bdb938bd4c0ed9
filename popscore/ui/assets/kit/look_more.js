// Facts of the photo, the card to share, and another photo beside it.

(() => {
  const {make, button, chip} = window.popscore;

  window.popscore.lookViews.facts = {
    label: 'Facts',
    async show(look) {
      const found = await look.ask('facts', 'Measuring the photo.', (photo) => look.server.facts(photo), {original: true});
      if (!found) return;
      const list = make('dl', 'pl-facts');
      for (const [name, words] of found.rows) list.append(make('dt', '', name), make('dd', '', words));
      look.words.replaceChildren(list, make('p', 'ps-said', found.note));
    },
  };

  window.popscore.lookViews.share = {
    label: 'Share',
    async show(look) {
      const found = await look.ask('card', 'Making the card.', (photo) => look.server.card(photo));
      if (!found) return;
      const card = make('img', 'pl-card');
      card.alt = found.words;
      card.src = window.popscore.address(found.file);
      const save = button('ps-primary', 'Save the card');
      save.addEventListener('click', () => window.popscore.save(found.file, found.name));
      const copy = button('', 'Copy the words');
      copy.addEventListener('click', async () => {
        try {
          await navigator.clipboard.writeText(found.words);
          look.say('The words were copied.', true);
        } catch {
          look.say(`They could not be copied here. The words are: ${found.words}`, true);
        }
      });
      const share = button('', 'Share the card');
      const file = async () => new File([await (await fetch(card.src)).blob()], found.name, {type: 'image/png'});
      share.hidden = !navigator.canShare?.({files: [new File([], 'card.png', {type: 'image/png'})]});
      share.addEventListener('click', async () => navigator.share({files: [await file()]}).catch(() => {}));
      const tools = make('div', 'pl-tools');
      tools.append(save, share, copy);
      look.over.replaceChildren(card);
      look.words.replaceChildren(make('p', 'ps-lead', found.words), tools, make('p', 'ps-said', found.note));
    },
  };

  // Two photos beside each other, each with its map.
  function side(look, result, why, address) {
    const figure = make('figure', 'pl-side');
    const frame = make('div', 'pl-frame');
    frame.style.setProperty('--pl-ratio', Math.max(0.02, Math.min(50, result.width / result.height)));
    const image = make('img');
    image.alt = result.file;
    if (address) image.src = address;
    const over = make('div', 'pl-over');
    if (why) over.append(window.popscore.mapOver(why));
    frame.append(image, over);
    const caption = make('figcaption');
    caption.append(make('span', 'pl-name', result.file), chip(result));
    figure.append(frame, caption);
    return figure;
  }

  window.popscore.lookViews.compare = {
    label: 'Compare',
    async show(look) {
      const input = make('input');
      input.type = 'file';
      input.accept = 'image/*,.heic,.heif,.avif';
      input.setAttribute('aria-label', 'The other photo');
      input.tabIndex = -1;
      const choose = button('ps-primary', look.source.other ? 'Choose another one' : 'Choose the other photo');
      choose.addEventListener('click', () => input.click());
      const lead = make('p', 'ps-lead', 'Which of two photos would win?');
      look.words.replaceChildren(lead, choose, input);
      input.addEventListener('change', async () => {
        const [file] = input.files;
        if (!file) return;
        look.source.other = {file, address: URL.createObjectURL(file), key: `${file.name} ${file.size} ${file.lastModified}`};
        window.popscore.lookViews.compare.show(look);
      });
      const {other} = look.source;
      if (!other) return;
      const found = await look.ask(`compare ${other.key}`, 'Scoring both.', async (photo) => {
        other.sent ??= await window.popscore.sendFile(other.file);
        return look.server.compare(photo, {id: other.sent, name: other.file.name});
      });
      if (!found) return;
      const maps = button('', 'Show the maps');
      maps.setAttribute('aria-pressed', 'true');
      const addresses = [await look.source.picture(), found.picture ? window.popscore.address(found.picture) : other.address];
      const sides = make('div', 'pl-sides');
      sides.append(...found.results.map((result, at) => side(look, result, found.maps[at], addresses[at])));
      maps.addEventListener('click', () => {
        const on = maps.getAttribute('aria-pressed') !== 'true';
        maps.setAttribute('aria-pressed', on);
        sides.classList.toggle('pl-bare', !on);
      });
      const tools = make('div', 'pl-tools');
      choose.classList.remove('ps-primary');
      tools.append(maps, choose);
      lead.textContent = found.words;
      look.words.replaceChildren(lead, sides, tools, input);
    },
  };
})();
