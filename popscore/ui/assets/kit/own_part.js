// What a person's own memory bank says about a picture: the score, the sentence, and the posts that are most like it.

// `own` as popscore/ui/kit/own_scores.py gives it; `plain` leaves the score out, where it stands beside it already.
// `after` is said behind the sentence.
window.popscore.ownPart = (own, {plain = false, after = ''} = {}) => {
  const {make, cssOf, bank} = window.popscore;
  const part = make('div', 'po');
  if (!plain) {
    const chip = make('span', `ps-chip ${cssOf(own.label)}`);
    chip.append(make('i'), own.label);
    const score = make('p', 'po-score');
    score.append(make('b', '', own.score.toFixed(2)), chip);
    part.append(make('p', 'po-lead', own.lead), score);
  }
  part.append(make('p', 'po-words', [own.words, after].filter(Boolean).join(' ')));
  const near = (own.neighbours || []).filter((one) => one.id);
  if (near.length) {
    const list = make('ul', 'po-near');
    const lead = make('p', 'po-most', 'Your posts most like it');
    list.setAttribute('aria-label', lead.textContent);
    list.append(...near.map((one) => {
      const item = make('li');
      const tile = make('span', 'po-tile');
      tile.append(make('span', 'po-id', one.id));
      tile.title = one.id;
      item.append(tile, make('span', '', one.words));
      return item;
    }));
    part.append(lead, list);
    bank.pictures(near.map((one) => one.id)).then((pictures) => pictures.forEach((address, at) => {
      if (!address) return;
      const image = make('img');
      image.alt = `Your post ${near[at].id}`;
      // What cannot be shown leaves the id in its place.
      image.addEventListener('load', () => list.children[at].firstChild.replaceChildren(image), {once: true});
      image.src = address;
    })).catch(() => {});
  }
  if (own.trust) part.append(make('p', 'po-trust', own.trust));
  return part;
};
