// Why: the model's own map over the photo, cell by cell, with its sign and its scale.

(() => {
  const {make, button, signed} = window.popscore;

  // The map as cells over a picture. Colour, strength and sign come from the server, the same for all photos.
  window.popscore.mapOver = (why) => {
    const cells = make('div', 'pl-cells');
    const [left, top, right, bottom] = why.covers;
    Object.assign(cells.style, {
      left: `${100 * left}%`, top: `${100 * top}%`, width: `${100 * (right - left)}%`, height: `${100 * (bottom - top)}%`,
    });
    cells.setAttribute('role', 'grid');
    cells.setAttribute('aria-label', `Map of ${why.grid.length} rows and ${why.grid[0].length} columns`);
    why.grid.forEach((row, y) => {
      const line = make('div', 'pl-row');
      line.setAttribute('role', 'row');
      row.forEach((value, x) => {
        const cell = make('span', '', why.signs[y][x].replace('-', '\u2212'));
        cell.setAttribute('role', 'gridcell');
        cell.setAttribute('aria-label', `Row ${y + 1}, column ${x + 1}: ${signed(value)}`);
        cell.style.backgroundColor = why.colors[y][x];
        cell.dataset.x = x;
        cell.dataset.y = y;
        cell.tabIndex = x || y ? -1 : 0;
        line.append(cell);
      });
      cells.append(line);
    });
    return cells;
  };

  function legend(why) {
    const made = make('div', 'pl-legend');
    const bar = make('div', 'pl-scale');
    bar.style.background = `linear-gradient(90deg, ${why.scale.join(', ')})`;
    const ends = make('p', '');
    ends.append(
      make('span', '', `${signed(-why.limit)} lowers`), make('span', '', '0'), make('span', '', `raises ${signed(why.limit)}`));
    made.append(bar, ends);
    return made;
  }

  window.popscore.lookViews.why = {
    label: 'Why',
    async show(look) {
      const why = await look.ask('why', 'Looking where the score comes from.', (photo) => look.server.why(photo));
      if (!why) return;
      const cells = window.popscore.mapOver(why);
      look.over.replaceChildren(cells);
      const read = make('p', 'pl-read', 'Point at a part of the photo, or use the arrow keys.');
      read.setAttribute('role', 'status');
      const tell = (cell) => {
        const value = why.grid[cell.dataset.y][cell.dataset.x];
        const how = Math.abs(value) < 0.005 ? 'leaves the score as it is' : value < 0 ? 'lowers the score' : 'raises the score';
        read.textContent = `Row ${Number(cell.dataset.y) + 1}, column ${Number(cell.dataset.x) + 1}: ${signed(value)}, ${how}.`;
      };
      const toggle = button('', 'Show the map');
      toggle.setAttribute('aria-pressed', 'true');
      toggle.addEventListener('click', () => {
        cells.hidden = !cells.hidden;
        toggle.setAttribute('aria-pressed', !cells.hidden);
      });
      cells.addEventListener('pointerover', (event) => { if (event.target.dataset.x) tell(event.target); });
      cells.addEventListener('focusin', (event) => { if (event.target.dataset.x) tell(event.target); });
      cells.addEventListener('keydown', (event) => {
        const by = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
        if (!by || !event.target.dataset.x) return;
        event.preventDefault();
        event.stopPropagation();
        const to = cells.querySelector(
          `[data-x="${Number(event.target.dataset.x) + by[0]}"][data-y="${Number(event.target.dataset.y) + by[1]}"]`);
        if (!to) return;
        event.target.tabIndex = -1;
        to.tabIndex = 0;
        to.focus();
      });
      look.words.replaceChildren(
        ...why.words.map((sentence, at) => make('p', at ? '' : 'ps-lead', sentence)), legend(why), read, toggle,
        ...why.notes.map((sentence) => make('p', 'ps-said', sentence)));
    },
  };
})();
