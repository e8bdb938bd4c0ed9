// Try: edits that the model scores higher than its noise, each beside the original.

(() => {
  const {make, button, signed, chip} = window.popscore;

  window.popscore.lookViews.try = {
    label: 'What if',
    async show(look) {
      const found = await look.ask('try', 'Trying edits on the photo.', (photo) => look.server.what_if(photo));
      if (!found) return;
      const lead = make('p', 'ps-lead', found.words);
      const notes = found.notes.map((sentence) => make('p', 'ps-said', sentence));
      if (!found.better.length) {
        look.words.replaceChildren(lead, ...notes);
        return;
      }
      const after = make('img', 'pl-after');
      after.alt = '';
      after.draggable = false;
      const line = make('span', 'pl-split');
      const slider = make('input', 'pl-slide');
      slider.type = 'range';
      slider.min = 0;
      slider.max = 100;
      slider.value = 50;
      slider.setAttribute('aria-label', 'Original on the left, edited on the right');
      const drawSplit = () => look.over.style.setProperty('--pl-at', `${slider.value}%`);
      slider.addEventListener('input', drawSplit);
      look.over.replaceChildren(after, line, slider);
      drawSplit();

      const list = make('ul', 'pl-edits');
      const line2 = make('p', 'pl-score');
      line2.setAttribute('role', 'status');
      const save = button('ps-primary', 'Save this edit');
      const where = make('label', 'pl-check');
      const whereBox = make('input');
      whereBox.type = 'checkbox';
      where.append(whereBox, ' Keep the place where it was taken');
      const tools = make('div', 'pl-tools');
      tools.append(save);
      let chosen = null;

      async function choose(edit) {
        chosen = edit;
        for (const one of list.querySelectorAll('button')) one.setAttribute('aria-pressed', one.dataset.edit === edit.edit);
        line2.replaceChildren(chip(edit), ` ${signed(edit.gain)} against ${found.score_before.toFixed(2)} as it is.`);
        after.removeAttribute('src');
        const shown = await look.ask(`edited ${edit.edit}`, 'Making the edited picture.', (photo) => look.server.edited(photo, edit.edit, edit.strength));
        if (shown && chosen === edit) after.src = shown.image;
      }
      for (const edit of found.better) {
        const item = make('li');
        const one = button('', undefined);
        one.dataset.edit = edit.edit;
        one.append(make('b', '', signed(edit.gain)), make('span', '', edit.words));
        one.addEventListener('click', () => choose(edit));
        item.append(one);
        list.append(item);
      }
      save.addEventListener('click', () => look.save(
        'Saving the edited photo in full size.',
        (photo) => look.server.save_edit(photo, chosen.edit, chosen.strength, whereBox.checked)));
      look.words.replaceChildren(lead, list, line2, tools, where, ...notes);
      choose(found.better[0]);
    },
  };
})();
