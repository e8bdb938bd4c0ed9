// Crop: a shape is tapped, its crop is seen on the photo with what the platform covers, moved by hand, and saved.

(() => {
  const {make, button, signed, chip} = window.popscore;
  const SHAPES = [
    ['1:1', 'Square'], ['4:5', 'Portrait post'], ['9:16', 'Story'], ['1.91:1', 'Link card'], ['free', 'Free'],
  ];
  // Shares of a crop that the platform covers or cuts off: of stories what Meta's guide for ads asks to leave free
  // (14 % above, 20 % below); posts stand in a grid of 3:4 on a profile, which cuts their sides or none.
  const COVERED = {
    '9:16': [['above', 'name of the account', 0.14], ['below', 'answer line', 0.2]],
    '1:1': [['left', 'cut in the grid', 0.125], ['right', 'cut in the grid', 0.125]],
    '4:5': [['left', 'cut in the grid', 0.03125], ['right', 'cut in the grid', 0.03125]],
  };
  const LEAST = 0.1; // share of a side that a crop keeps
  const STEP = 0.01;

  window.popscore.lookViews.crop = {
    label: 'Crop',
    async show(look) {
      const answer = await look.ask(
        `crops ${window.popscore.bank.current?.key || ''}`, 'Searching crops.',
        async (photo) => look.server.crops({...photo, bank: await window.popscore.bank.id()}));
      if (!answer) return;
      // With a memory bank, the score that counts is the personal one.
      const scoreOf = (one) => one.personal_score ?? one.score;
      const before = answer.personal_score_before ?? answer.score_before;
      const byShape = new Map(answer.crops.map((one) => [one.aspect, one]));
      let shape = look.source.shape && byShape.has(look.source.shape) ? look.source.shape : SHAPES.find(([name]) => byShape.has(name))[0];
      let box = null; // left, top, right, bottom as shares of the photo
      let asked = 0;

      const cut = make('div', 'pl-crop');
      cut.tabIndex = 0;
      cut.setAttribute('role', 'application');
      cut.setAttribute('aria-label', 'The crop. Arrow keys move it, plus and minus change its size.');
      const corner = make('span', 'pl-corner');
      look.over.replaceChildren(cut);

      const shapes = make('div', 'pl-shapes');
      shapes.setAttribute('role', 'group');
      shapes.setAttribute('aria-label', 'Shape');
      for (const [name, word] of SHAPES) {
        const one = button('', undefined);
        one.dataset.shape = name;
        one.append(make('b', '', name === 'free' ? 'Free' : name), make('span', '', name === 'free' ? 'any shape' : word));
        one.disabled = !byShape.has(name);
        shapes.append(one);
      }
      const reason = make('p', 'ps-lead');
      const line = make('p', 'pl-score');
      line.setAttribute('role', 'status');
      const size = make('p', 'ps-said');
      const back = button('', 'Back to the suggestion');
      const save = button('ps-primary', 'Save this crop');
      const where = make('label', 'pl-check');
      const whereBox = make('input');
      whereBox.type = 'checkbox';
      where.append(whereBox, ' Keep the place where it was taken');
      const tools = make('div', 'pl-tools');
      tools.append(save, back);
      look.words.replaceChildren(
        shapes, reason, line, size, tools, where,
        ...(answer.personal_score_before == null ? [] : [make('p', 'ps-said', 'The score here is the one by your memory bank.')]),
        make('p', 'ps-said', answer.note));

      const ratio = () => (shape === 'free' ? null : shape.split(':').reduce((a, b) => a / b) * (answer.height / answer.width));

      function draw() {
        const [left, top, right, bottom] = box;
        Object.assign(cut.style, {
          left: `${100 * left}%`, top: `${100 * top}%`, width: `${100 * (right - left)}%`, height: `${100 * (bottom - top)}%`,
        });
        cut.replaceChildren(...(COVERED[shape] || []).map(([side, word, share]) => {
          const covered = make('i', `pl-covered pl-${side}`, word);
          covered.style.setProperty('--pl-share', `${100 * share}%`);
          return covered;
        }), corner);
        for (const one of shapes.children) one.setAttribute('aria-pressed', one.dataset.shape === shape);
        const wide = Math.round((right - left) * answer.width);
        const high = Math.round((bottom - top) * answer.height);
        size.textContent = `${wide} x ${high} pixels, ${Math.round(100 * (right - left) * (bottom - top))} % of the photo.`;
      }

      // The gain is told, not the reason.
      function tell(score) {
        const gain = scoreOf(score) - before;
        const whole = box.every((edge, at) => edge === [0, 0, 1, 1][at]);
        line.replaceChildren(chip({...score, score: scoreOf(score)}), whole ? ' The whole photo.'
          : ` ${signed(gain)} against the whole photo${Math.abs(gain) <= answer.noise ? ', which is within the noise' : ''}.`);
      }

      function suggest() {
        const one = byShape.get(shape);
        box = [...one.box];
        reason.textContent = `${one.reason[0].toUpperCase()}${one.reason.slice(1)}.`;
        back.hidden = true;
        asked += 1;
        draw();
        tell(one);
      }

      let timer = null;
      function moved() {
        reason.textContent = 'Your own crop.';
        back.hidden = false;
        draw();
        clearTimeout(timer);
        const mine = (asked += 1);
        timer = setTimeout(async () => {
          const [id, bank] = await Promise.all([look.source.sent(), answer.personal_score_before == null ? '' : window.popscore.bank.id()]).catch(() => []);
          const photo = {id, name: look.source.name, bank};
          const found = await look.server.crop_score(photo, box).catch(() => null);
          if (mine === asked && look.alive() && found?.result) tell(found.result);
        }, 120);
      }

      const inPhoto = (low, size_) => Math.min(1 - size_, Math.max(0, low));
      function move(x, y, from = box) {
        const [width, height] = [from[2] - from[0], from[3] - from[1]];
        const [left, top] = [inPhoto(from[0] + x, width), inPhoto(from[1] + y, height)];
        box = [left, top, left + width, top + height];
        moved();
      }
      // The corner at the right below is moved; the shape stays, unless it is free.
      function resize(x, y, from = box) {
        let width = Math.min(1 - from[0], Math.max(LEAST, from[2] - from[0] + x));
        let height = Math.min(1 - from[1], Math.max(LEAST, from[3] - from[1] + y));
        const wanted = ratio();
        if (wanted) {
          width = Math.min(width, (1 - from[1]) * wanted);
          height = width / wanted;
        }
        box = [from[0], from[1], from[0] + width, from[1] + height];
        moved();
      }

      let held = null;
      cut.addEventListener('pointerdown', (event) => {
        held = {x: event.clientX, y: event.clientY, from: box, corner: event.target === corner};
        cut.setPointerCapture(event.pointerId);
        event.stopPropagation();
      });
      cut.addEventListener('pointermove', (event) => {
        if (!held) return;
        const area = look.frame.getBoundingClientRect();
        const by = [(event.clientX - held.x) / area.width, (event.clientY - held.y) / area.height];
        if (held.corner) resize(...by, held.from);
        else move(...by, held.from);
      });
      for (const over of ['pointerup', 'pointercancel']) cut.addEventListener(over, () => { held = null; });
      cut.addEventListener('keydown', (event) => {
        const by = {ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP]}[event.key];
        const grow = {'+': STEP, '=': STEP, '-': -STEP}[event.key];
        if (!by && !grow) return;
        event.preventDefault();
        event.stopPropagation();
        if (by) move(...by);
        else resize(grow, grow);
      });

      shapes.addEventListener('click', (event) => {
        const one = event.target.closest('[data-shape]');
        if (!one || one.disabled) return;
        shape = look.source.shape = one.dataset.shape;
        suggest();
      });
      back.addEventListener('click', suggest);
      save.addEventListener('click', async () => {
        const chosen = [...box];
        await look.save('Saving the crop in full size.', (photo) => look.server.save_crop(photo, chosen, shape, whereBox.checked));
      });
      suggest();
    },
  };
})();
