// The photos of a gallery in rows, each in its own proportions. Only what is near the screen is in the page, so a
// thousand photos scroll as ten do. A card that is there is changed in place: it keeps the focus and its picture.

// `pictureOf(photo, image)` fills an image; `of` answers what is shown on a card:
// {decision, sceneSize, leads, open, picked, tier: {number, words} | null, waiting}.
window.popscore.grid = ({list, pictureOf, of}) => {
  const {make, button, chip} = window.popscore;
  const GAP = 12;
  const NEAR = 900; // pixels above and below the screen that are kept in the page
  const cards = new Map(); // id -> card, of those in the page
  let shown = []; // photos, in order
  let rows = []; // {top, height, from, to}
  let places = []; // {left, width} of each photo
  let active = null; // id of the one that Tab leads to
  let asked = false;

  const phone = () => window.innerWidth <= 760;
  const below = () => (phone() ? 104 : 92) + (list.dataset.names === 'on' ? 22 : 0); // what a card has above and under its photo
  const ratioOf = (photo) => Math.min(2.4, Math.max(0.62, photo.width && photo.height ? photo.width / photo.height : 1.33));

  // Fills rows up to the width; the last one is not blown up.
  function layOut() {
    const width = list.clientWidth;
    const wanted = phone() ? 168 : 220;
    rows = [];
    places = [];
    let top = 0;
    let from = 0;
    while (from < shown.length) {
      let to = from;
      let ratios = 0;
      do {
        ratios += ratioOf(shown[to]);
        to += 1;
      } while (to < shown.length && ratios * wanted + (to - from - 1) * GAP < width);
      const full = (width - (to - from - 1) * GAP) / ratios;
      const height = Math.round(Math.min(full, wanted * (to < shown.length ? 1.6 : 1.1)));
      let left = 0;
      for (let at = from; at < to; at += 1) {
        const wide = to < shown.length && at === to - 1 && full <= wanted * 1.6 ? width - left : Math.floor(ratioOf(shown[at]) * height);
        places.push({left, width: wide});
        left += wide + GAP;
      }
      rows.push({top, height, from, to});
      top += height + below() + GAP;
      from = to;
    }
    list.style.height = `${Math.max(0, top - GAP)}px`;
  }

  function newCard(photo) {
    const item = make('li', 'ps-card');
    item.dataset.id = photo.id;
    const open = button('pr-photo', undefined, 'show');
    const image = make('img');
    image.alt = '';
    open.append(image, make('span', 'ps-rank'));
    const line = make('div', 'ps-line');
    line.append(make('span', 'ps-chip'), make('span', 'pr-note'));
    const decide = make('div', 'pr-decide');
    for (const [words, does, sign] of [['Keep', 'keep', '✓'], ['Reject', 'reject', '✕']]) {
      const one = button('', undefined, does);
      one.append(make('i', '', sign), make('span', '', words));
      decide.append(one);
    }
    item.append(make('span', 'pr-tier'), open, button('pr-stack', undefined, 'group'), line, make('p', 'pr-file'), decide);
    pictureOf(photo, image);
    return item;
  }

  function fill(item, photo, at) {
    const what = of(photo);
    const {result} = photo;
    item.querySelector('.ps-rank').textContent = result ? result.rank : '';
    item.querySelector('.ps-rank').hidden = !result;
    const open = item.querySelector('.pr-photo');
    open.setAttribute('aria-label', result
      ? `Rank ${result.rank}: ${photo.name}, ${window.popscore.shortScore(result)}, ${result.label}${what.note ? `, ${what.note}` : ''}`
      : `${photo.name}, waiting for its score`);
    const mark = item.querySelector('.ps-chip');
    mark.hidden = !result;
    if (result) chip(result, mark);
    item.querySelector('.pr-note').textContent = what.note || (result ? '' : 'waiting');
    item.querySelector('.pr-file').textContent = photo.name;
    const stack = item.querySelector('.pr-stack');
    stack.hidden = what.sceneSize < 2 || !what.leads;
    stack.textContent = what.open ? 'fold' : `${result?.group_best ? 'best' : 'one'} of ${what.sceneSize}`;
    stack.setAttribute('aria-expanded', what.open);
    const tier = item.querySelector('.pr-tier');
    tier.hidden = !what.tier;
    if (what.tier) {
      Object.assign(tier.dataset, {starts: what.tier.starts, ends: what.tier.ends});
      const row = rows.find((one) => at >= one.from && at < one.to);
      tier.replaceChildren(...(what.tier.starts || at === row.from ? [make('b', '', what.tier.words)] : []));
    }
    item.classList.toggle('pr-member', !what.leads);
    item.classList.toggle('pr-picked', what.picked);
    item.dataset.decided = what.decision || '';
    item.querySelector('.pr-decide').hidden = !result;
    pressed(item, what.decision);
    for (const one of item.querySelectorAll('button')) one.tabIndex = photo.id === active ? 0 : -1;
    item.setAttribute('aria-posinset', at + 1);
    item.setAttribute('aria-setsize', shown.length);
  }

  // Shows in the buttons within an element what was decided.
  function pressed(within, decision) {
    for (const choice of ['keep', 'reject']) {
      within.querySelector(`.pr-decide [data-do=${choice}]`).setAttribute('aria-pressed', decision === choice);
    }
  }

  // Puts what is near the screen into the page, and takes out the rest.
  function paint() {
    asked = false;
    if (!list.isConnected || !list.clientWidth) return;
    const box = list.getBoundingClientRect();
    const wanted = new Map();
    for (const row of rows) {
      const top = box.top + row.top;
      if (top + row.height + below() < -NEAR || top > window.innerHeight + NEAR) continue;
      for (let at = row.from; at < row.to; at += 1) wanted.set(shown[at].id, {at, row});
    }
    const focused = document.activeElement?.closest?.('.ps-card')?.dataset.id;
    for (const [id, item] of cards) {
      if (wanted.has(id) || (id === focused && places[shown.findIndex((one) => one.id === id)])) continue;
      item.remove();
      cards.delete(id);
    }
    let before = null;
    for (const [id, {at, row}] of wanted) {
      const photo = shown[at];
      let item = cards.get(id);
      if (!item) {
        item = newCard(photo);
        cards.set(id, item);
      }
      // In the order in which they are read; one that stands right is not moved, or it would lose the focus.
      if ((before ? before.nextElementSibling : list.firstElementChild) !== item) {
        const has = item.contains(document.activeElement) ? document.activeElement : null;
        if (before) before.after(item); else list.prepend(item);
        has?.focus({preventScroll: true});
      }
      before = item;
      Object.assign(item.style, {
        transform: `translate(${places[at].left}px, ${row.top}px)`, width: `${places[at].width}px`,
      });
      item.style.setProperty('--pr-height', `${row.height}px`);
      fill(item, photo, at);
    }
  }

  const soon = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(paint);
  };
  window.addEventListener('scroll', soon, {passive: true});
  new ResizeObserver(() => { layOut(); soon(); }).observe(list);

  const indexOf = (id) => shown.findIndex((photo) => photo.id === id);

  function focus(id) {
    const at = indexOf(id);
    if (at < 0) return;
    active = id;
    const row = rows.find((one) => at >= one.from && at < one.to);
    const top = list.getBoundingClientRect().top + row.top;
    const head = document.querySelector('.pr .ps-head')?.getBoundingClientRect().bottom || 0;
    if (top < head + 8) window.scrollBy(0, top - head - 8);
    else if (top + row.height + below() > window.innerHeight) window.scrollBy(0, top + row.height + below() - window.innerHeight + 8);
    paint();
    cards.get(id)?.querySelector('.pr-photo').focus({preventScroll: true});
  }

  return {
    pressed, focus,
    // Shows these photos, in this order. The focus stays on its photo; if that is gone, it goes to the one in its place.
    show(photos) {
      const card = document.activeElement?.closest?.('.ps-card');
      const held = card && list.contains(card) ? card.dataset.id : null;
      const at = held ? indexOf(held) : -1;
      shown = photos;
      if (!shown.some((photo) => photo.id === active)) active = shown[Math.min(Math.max(at, 0), shown.length - 1)]?.id ?? null;
      layOut();
      paint();
      if (held && indexOf(held) < 0 && shown.length) focus(shown[Math.min(at, shown.length - 1)].id);
    },
    // The photo beside, above or below.
    move(id, key) {
      const at = indexOf(id);
      if (at < 0) return;
      const row = rows.findIndex((one) => at >= one.from && at < one.to);
      const middle = places[at].left + places[at].width / 2;
      const across = (other) => {
        let best = null;
        for (let one = other.from; one < other.to; one += 1) {
          const far = Math.abs(places[one].left + places[one].width / 2 - middle);
          if (best === null || far < best.far) best = {one, far};
        }
        return best.one;
      };
      const to = {
        arrowleft: at - 1, arrowright: at + 1, home: 0, end: shown.length - 1,
        arrowup: rows[row - 1] ? across(rows[row - 1]) : at, arrowdown: rows[row + 1] ? across(rows[row + 1]) : at,
      }[key];
      if (shown[to]) focus(shown[to].id);
    },
    clear() {
      for (const item of cards.values()) item.remove();
      cards.clear();
      shown = [];
      active = null;
      layOut();
    },
  };
};
