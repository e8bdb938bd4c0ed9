// The cards of a gallery: photo, rank, score, how many there are of the scene, keep and reject. A card is kept between
// drawings, so that pictures do not flash.

// `pictures` as in pictures.js, `side` of the small ones; the others answer what a person decided, unfolded, picked.
window.popscore.cards = ({pictures, side, decidedOf, openOf, pickedOf}) => {
  const {make, button, chip} = window.popscore;
  const cards = new Map(); // id -> card

  function newCard(id) {
    const item = make('li', 'ps-card');
    item.dataset.id = id;
    const open = button('pr-photo', undefined, 'show');
    const image = make('img');
    image.alt = '';
    open.append(image, make('span', 'ps-rank'));
    const line = make('div', 'ps-line');
    line.append(make('span', 'ps-chip'));
    const decide = make('div', 'pr-decide');
    decide.append(button('', 'Keep', 'keep'), button('', 'Reject', 'reject'));
    item.append(open, button('pr-stack', undefined, 'group'), line, decide);
    pictures.fillLater(image, id, side);
    cards.set(id, item);
    return item;
  }

  // Shows in the buttons within an element what was decided about a photo.
  function pressed(within, id) {
    const decided = decidedOf(id);
    for (const choice of ['keep', 'reject']) {
      within.querySelector(`.pr-decide [data-do=${choice}]`).setAttribute('aria-pressed', decided === choice);
    }
    return decided;
  }

  return {
    pressed,
    // The card of a result, of whose group there are `size` photos; one that `leads` stands for them.
    card(result, size, leads) {
      const item = cards.get(result.id) || newCard(result.id);
      item.querySelector('.ps-rank').textContent = result.rank;
      item.querySelector('.pr-photo').setAttribute(
        'aria-label', `Rank ${result.rank}: ${result.file}, ${result.score.toFixed(2)}, ${result.label}`);
      chip(result, item.querySelector('.ps-chip'));
      const stack = item.querySelector('.pr-stack');
      stack.hidden = size < 2 || !leads;
      stack.textContent = result.group_best ? `best of ${size}` : `one of ${size}`;
      stack.setAttribute('aria-expanded', openOf(result.group));
      item.classList.toggle('pr-member', !leads);
      item.classList.toggle('pr-picked', pickedOf(result.id));
      item.dataset.decided = pressed(item, result.id) || '';
      return item;
    },
    focus: (id) => cards.get(id)?.querySelector('.pr-photo').focus(),
    focusBeside(id, by) {
      const item = cards.get(id);
      const beside = by < 0 ? item?.previousElementSibling : item?.nextElementSibling;
      beside?.querySelector('.pr-photo').focus();
    },
    clear() {
      for (const item of cards.values()) item.remove();
      cards.clear();
    },
  };
};
